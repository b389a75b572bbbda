"""How good the network is on images that it never trained on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_sr.training._dataset import Pair
    from napari_sr.training._recipe import Color


@torch.inference_mode()
def validate(
    network: nn.Module, pairs: list[Pair], color: Color, value_range: float = 1.0
) -> float:
    """Mean PSNR over images, in float and without rounding, the border of one scale cut off.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    pairs : list of Pair
        Whole images.
    color : {"Y", "RGB", "grey"}
        RGB is compared in luma, as the papers do.
    value_range : float
        White, as the network knows it.

    Returns
    -------
    float
        Decibels; of the benchmarks' protocol up to rounding to 8 bits, which costs a few hundredths.
    """
    device = next(network.parameters()).device
    total = 0.0
    for pair in pairs:
        output = (
            network(pair.small.to(device) * value_range).cpu().clamp(0, value_range) / value_range
        )
        total += _psnr(output, pair.large, int(pair.large.shape[-1] / pair.small.shape[-1]), color)
    return total / len(pairs)


def _psnr(output: Tensor, target: Tensor, border: int, color: Color) -> float:
    difference = (output - target)[..., border:-border, border:-border].double()
    if color == "RGB":
        luma = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64) / 255
        difference = torch.einsum("nchw,c->nhw", difference, luma)
    return -10 * math.log10(max(float((difference**2).mean()), 1e-12))
