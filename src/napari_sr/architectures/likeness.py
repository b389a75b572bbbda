"""Does a network do what a super-resolution network does? Let it, and look.

Some checkpoints do not say what they are: a bank of 128 filters may be 32 images at x2 that compete, or
4 images and 4 keys at x4; values may go to 1 or to 255. Only the right reading restores a picture better
than interpolation does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["best_reading", "dead_leaves", "gain"]

Reading = tuple[Callable[..., nn.Module], dict[str, Any]]

_SIZE = 144
"""Side of the test picture: a multiple of the usual scales, cut for others."""


def best_reading(state: Mapping[str, Tensor], readings: Sequence[Reading]) -> Reading:
    """Pick the reading of a state dict that restores the test picture best.

    Parameters
    ----------
    state : mapping of str to tensor
        Weights that fit every reading, for values in [0, 1] and one channel.
    readings : sequence of (network class, keywords)
        At least one.

    Returns
    -------
    network class, keywords
        The one with the largest gain over interpolation at its own scale.
    """
    if len(readings) == 1:
        return readings[0]
    weights = {name: value.float() for name, value in state.items()}

    def gain_of(reading: Reading) -> float:
        network = reading[0](**reading[1]).eval()
        network.load_state_dict(weights)
        return gain(network)

    return max(readings, key=gain_of)


def gain(network: nn.Module, value_range: float = 1.0) -> float:
    """How many decibels better than bicubic interpolation a network restores the test picture.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU, with ``scale`` and ``in_channels``. One whose scale is 1 gets a
        picture that was enlarged before.
    value_range : float
        It gets values in ``[0, value_range]``.

    Returns
    -------
    float
        Some decibels for a good network, far below zero for nonsense; minus infinity for NaN.
    """
    scale, channels = cast("int", network.scale), cast("int", network.in_channels)
    side = _SIZE - _SIZE % scale
    sharp = dead_leaves(_SIZE)[:side, :side].expand(1, channels, side, side)
    small = _resized(sharp, 1 / scale) if scale > 1 else _resized(_resized(sharp, 0.5), 2)
    with torch.inference_mode():
        restored = network(small * value_range) / value_range
    ratio = _error(_resized(small, scale), sharp, 2 * scale) / _error(restored, sharp, 2 * scale)
    return 10 * float(ratio.log10())


def _resized(x: Tensor, scale: float) -> Tensor:
    return functional.interpolate(x, scale_factor=scale, mode="bicubic", antialias=True)


def _error(image: Tensor, reference: Tensor, border: int) -> Tensor:
    """Mean squared difference off the border, never quite zero."""
    difference = (image - reference)[..., border:-border, border:-border]
    return difference.square().mean().nan_to_num(torch.inf).clamp(min=1e-6)


@cache
def dead_leaves(size: int, leaves: int = 400) -> Tensor:
    """Draw a picture with the statistics of photographs: discs of all sizes that hide one another.

    Parameters
    ----------
    size : int
        Pixels a side.
    leaves : int
        Number of discs.

    Returns
    -------
    Tensor, shape (size, size)
        Values in [0.1, 0.9]; the same at every call.

    References
    ----------
    A. Lee, D. Mumford, J. Huang, Occlusion models for natural images, IJCV 41 (2001).
    """
    generator = torch.Generator().manual_seed(0)
    fine = 3 * size  # drawn finer and averaged, so that the edges are smooth
    image = torch.full((fine, fine), 0.5)
    for x, y, u, grey in torch.rand((leaves, 4), generator=generator).tolist():
        radius = 0.02 / (1.0 - 0.92 * u)  # many small, few large
        _draw_disc(image, x * fine, y * fine, radius * fine, 0.1 + 0.8 * grey)
    return functional.avg_pool2d(image[None], 3)[0]


def _draw_disc(image: Tensor, x: float, y: float, radius: float, grey: float) -> None:
    top, left = max(0, int(y - radius)), max(0, int(x - radius))
    box = image[top : int(y + radius) + 1, left : int(x + radius) + 1]
    rows = torch.arange(top, top + box.shape[0])[:, None] - y
    columns = torch.arange(left, left + box.shape[1])[None] - x
    box[rows**2 + columns**2 < radius**2] = grey
