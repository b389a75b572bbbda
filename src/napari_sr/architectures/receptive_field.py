"""The radius of a network's receptive field, measured on the network itself.

The halo of a tile has to reach as far as an input pixel can influence an output pixel. Other
programs use 10, 16 or 32 pixels; here one input pixel is made NaN, and every output pixel that is NaN depends on it.
This holds for all weights, because NaN passes even through a weight of zero.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from napari_sr.architectures.context import ContextNetwork

__all__ = ["halo"]

_BREADTH = 8
"""Of the test strips, unless the network needs more."""
_LENGTHS = (130, 258)
"""Of the test strips: networks seldom see as far as the first reaches."""


def halo(network: nn.Module) -> int | None:
    """Find the radius of the receptive field in low-resolution pixels.

    Parameters
    ----------
    network : torch.nn.Module
        With the attributes ``scale`` and ``in_channels``; ``alignment`` if its response depends on
        where in a grid a pixel lies, ``minimum_size`` if it cannot take small images. It is not changed.

    Returns
    -------
    int or None
        The smallest r such that an input pixel more than r away, along Y or X, from a low-resolution
        pixel cannot influence the ``scale × scale`` block of output pixels there. None where no such
        radius exists (statistics of the whole image), or where it is above 120, or for strided attention,
        whose sight is wide but fades: such networks are told where a tile lies instead.
    """
    if isinstance(network, ContextNetwork):
        return None
    # float64: no fast algorithm (Winograd, FFT, blocked layouts) that would mix neighbouring pixels
    probe = copy.deepcopy(network).cpu().double().eval()
    for length in _LENGTHS:
        reach = max(_reach(probe, length, vertical) for vertical in (True, False))
        if reach < length // 2 - _alignment(network):
            return reach
    return None


def _reach(network: nn.Module, length: int, vertical: bool) -> int:
    """Find the farthest output block along a strip that depends on a NaN pixel."""
    first = length // 2
    positions = range(first, first + _alignment(network))
    return max(_reach_from(network, length, position, vertical) for position in positions)


def _alignment(network: nn.Module) -> int:
    return cast("int", getattr(network, "alignment", 1))


def _reach_from(network: nn.Module, length: int, position: int, vertical: bool) -> int:
    channels = cast("int", network.in_channels)
    breadth = max(_BREADTH, cast("int", getattr(network, "minimum_size", 1)))
    x = torch.full((1, channels, length, breadth), 0.5, dtype=torch.float64)
    x[:, :, position, breadth // 2] = torch.nan
    with torch.inference_mode():
        y = network(x if vertical else x.mT)
    blocks = _seen(y if vertical else y.mT, length)
    return int((blocks.nonzero() - position).abs().max())


def _seen(y: Tensor, length: int) -> Tensor:
    """Tell which of the `length` rows of low-resolution pixels have NaN in their output."""
    return y.isnan().any(dim=3).any(dim=1).reshape(length, -1).any(dim=1)
