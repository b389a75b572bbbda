"""Color: how the samples of a pixel go through a network.

A path takes windows of color samples in [0, 1] and gives each one's part of the output. Networks for luma see the
Y of RGB, while Cb and Cr, in which the eye sees no detail, are enlarged bicubically.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import rgb_to_ycbcr, ycbcr_to_rgb
from napari_sr.inference._region import Region
from napari_sr.inference._runner import Place, Runner

if TYPE_CHECKING:
    from napari_sr.inference._plan import Plan

Path = Callable[[Tensor, Runner, Place, Sequence[Region]], list[Tensor]]


def choose_path(plan: Plan) -> Path:
    """How the color samples of an image go through a model."""
    native = plan.scale == (plan.native_scale,) * 2
    if plan.model.card.architecture == "bicubic" and not native:
        return _bicubic
    if plan.axes.colors == 3 and plan.model.card.color == "Y":
        return _through_luma
    single = plan.axes.colors == 1 or plan.model.card.color == "RGB"
    return _together if single else _one_by_one


def _bicubic(unit: Tensor, runner: Runner, place: Place, regions: Sequence[Region]) -> list[Tensor]:
    """In one step: the classical method knows every factor."""
    return [region.enlarge(each) for each, region in zip(unit, regions, strict=True)]


def _together(
    unit: Tensor, runner: Runner, place: Place, regions: Sequence[Region]
) -> list[Tensor]:
    y = runner(unit.float(), place).to(unit)
    return [region.finish(each) for each, region in zip(y, regions, strict=True)]


def _one_by_one(
    unit: Tensor, runner: Runner, place: Place, regions: Sequence[Region]
) -> list[Tensor]:
    answers = [
        runner(unit[:, sample : sample + 1].float(), replace(place, sample=sample)).to(unit)
        for sample in range(unit.shape[1])
    ]
    y = torch.cat(answers, dim=1)
    return [region.finish(each) for each, region in zip(y, regions, strict=True)]


def _through_luma(
    unit: Tensor, runner: Runner, place: Place, regions: Sequence[Region]
) -> list[Tensor]:
    ycbcr = _mix(unit, rgb_to_ycbcr)
    luma = runner(ycbcr[:, :1].float(), place).to(unit)
    merged = []
    for each, small, region in zip(luma, ycbcr, regions, strict=True):
        parts = [region.finish(each), region.enlarge(small[1:])]
        merged.append(_mix(torch.cat(parts)[None], ycbcr_to_rgb)[0])
    return merged


def _mix(pixels: Tensor, transform: Callable[[Any], Any]) -> Tensor:
    """Apply an affine map of three colors to a tensor ``(N, 3, Y, X)``."""
    offset = transform(np.zeros(3))
    matrix = transform(np.eye(3)) - offset
    mixed = torch.einsum("ncyx,cd->ndyx", pixels, torch.as_tensor(matrix).to(pixels))
    return mixed + torch.as_tensor(offset).to(pixels)[:, None, None]
