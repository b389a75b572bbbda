"""Color paths: how the samples of a pixel go through a network.

A path takes windows of color samples in [0, 1] and returns the part of the output that belongs to each. Networks for
luma are given the Y of RGB; Cb and Cr, in which the eye sees little detail, are enlarged bicubically.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import rgb_to_ycbcr, ycbcr_to_rgb
from napari_sr.inference._resample import TileResampler
from napari_sr.inference._runners import Runner, WindowPositions

if TYPE_CHECKING:
    from napari_sr.inference._plan import Plan

ColorPath = Callable[[Tensor, Runner, WindowPositions, Sequence[TileResampler]], list[Tensor]]


def choose_color_path(plan: Plan) -> ColorPath:
    """The way of an image's color samples through a model."""
    native = plan.scale == (plan.native_scale,) * 2
    if plan.model.card.architecture == "bicubic" and not native:
        return _bicubic
    if plan.axes.colors == 3 and plan.model.card.color == "Y":
        return _through_luma
    single = plan.axes.colors == 1 or plan.model.card.color == "RGB"
    return _together if single else _one_by_one


def _bicubic(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    """In one step: bicubic interpolation has weights for every factor."""
    return [resampler.bicubic(each) for each, resampler in zip(unit, resamplers, strict=True)]


def _together(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    y = runner(unit.float(), positions).to(unit)
    return [resampler.finish(each) for each, resampler in zip(y, resamplers, strict=True)]


def _one_by_one(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    outputs = [
        runner(unit[:, sample : sample + 1].float(), replace(positions, sample=sample)).to(unit)
        for sample in range(unit.shape[1])
    ]
    y = torch.cat(outputs, dim=1)
    return [resampler.finish(each) for each, resampler in zip(y, resamplers, strict=True)]


def _through_luma(
    unit: Tensor, runner: Runner, positions: WindowPositions, resamplers: Sequence[TileResampler]
) -> list[Tensor]:
    ycbcr = _mix(unit, rgb_to_ycbcr)
    luma = runner(ycbcr[:, :1].float(), positions).to(unit)
    merged = []
    for each, small, resampler in zip(luma, ycbcr, resamplers, strict=True):
        parts = [resampler.finish(each), resampler.bicubic(small[1:])]
        merged.append(_mix(torch.cat(parts)[None], ycbcr_to_rgb)[0])
    return merged


def _mix(pixels: Tensor, transform: Callable[[Any], Any]) -> Tensor:
    """Apply an affine map of three colors to a tensor ``(N, 3, Y, X)``."""
    offset = transform(np.zeros(3))
    matrix = transform(np.eye(3)) - offset
    mixed = torch.einsum("ncyx,cd->ndyx", pixels, torch.as_tensor(matrix).to(pixels))
    return mixed + torch.as_tensor(offset).to(pixels)[:, None, None]
