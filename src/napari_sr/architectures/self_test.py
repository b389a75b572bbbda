"""Self-test of a network: by how many decibels it restores a test image better than bicubic interpolation does.

The tensors of some checkpoints are ambiguous: a bank of 128 filters may give 32 competing images at x2, or 4 images and
4 keys at x4; values may go up to 1 or to 255. Only the right configuration restores an image better than interpolation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Candidate", "dead_leaves", "identify_config", "psnr_gain"]

Candidate = tuple[Callable[..., nn.Module], dict[str, Any]]
"""A network class and the keywords to build it with."""

_SIZE = 144
"""Side of the test image in pixels: a multiple of the scales 2, 3 and 4; cropped for others."""


def identify_config(state: Mapping[str, Tensor], candidates: Sequence[Candidate]) -> Candidate:
    """Choose the configuration of a state dict that restores the test image best.

    Parameters
    ----------
    state : mapping of str to tensor
        Weights that fit every candidate, for values in [0, 1] and one channel.
    candidates : sequence of (network class, keywords)
        At least one.

    Returns
    -------
    network class, keywords
        The one with the largest gain over interpolation at its own scale.
    """
    if len(candidates) == 1:
        return candidates[0]
    weights = {name: value.float() for name, value in state.items()}

    def gain(candidate: Candidate) -> float:
        network = candidate[0](**candidate[1]).eval()
        network.load_state_dict(weights)
        return psnr_gain(network)

    return max(candidates, key=gain)


def psnr_gain(network: nn.Module, value_range: float = 1.0) -> float:
    """PSNR of the test image restored by a network, less that of bicubic interpolation.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU, with ``scale`` and ``in_channels``. One whose scale is 1 gets an
        image that was enlarged before.
    value_range : float
        Its input has values in ``[0, value_range]``.

    Returns
    -------
    float
        In dB: positive for a network that works, far below zero for a wrong configuration, minus infinity for NaN.
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
    """Mean squared difference without the border, at least 1e-6 so that its logarithm is finite."""
    difference = (image - reference)[..., border:-border, border:-border]
    return difference.square().mean().nan_to_num(torch.inf).clamp(min=1e-6)


@cache
def dead_leaves(size: int, leaves: int = 400) -> Tensor:
    """Draw an image with the statistics of photographs: discs of all sizes that occlude one another.

    Parameters
    ----------
    size : int
        Pixels a side.
    leaves : int
        Number of discs.

    Returns
    -------
    Tensor, shape (size, size)
        Values in [0.1, 0.9], the same for every call.

    References
    ----------
    A. Lee, D. Mumford, J. Huang, Occlusion models for natural images, IJCV 41 (2001).
    """
    generator = torch.Generator().manual_seed(0)
    fine = 3 * size  # drawn finer and averaged, so that the edges are smooth
    image = torch.full((fine, fine), 0.5)
    for x, y, u, gray in torch.rand((leaves, 4), generator=generator).tolist():
        radius = 0.02 / (1.0 - 0.92 * u)  # many small, few large
        _draw_disc(image, x * fine, y * fine, radius * fine, 0.1 + 0.8 * gray)
    return functional.avg_pool2d(image[None], 3)[0]


def _draw_disc(image: Tensor, x: float, y: float, radius: float, gray: float) -> None:
    top, left = max(0, int(y - radius)), max(0, int(x - radius))
    box = image[top : int(y + radius) + 1, left : int(x + radius) + 1]
    rows = torch.arange(top, top + box.shape[0])[:, None] - y
    columns = torch.arange(left, left + box.shape[1])[None] - x
    box[rows**2 + columns**2 < radius**2] = gray
