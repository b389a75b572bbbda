"""Which value range does a network expect? Try both and look.

A network that gets values in its own range gives an image which, averaged down, is its input again. In the wrong
range its biases are 255 times too large or too small, and it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["RANGES", "Finding", "probe_range"]

RANGES = (1.0, 255.0)
_SIZE = 48
_GOOD = 0.05
"""Largest RMS difference, of the range, that a working network leaves."""
_CLEAR = 1.5
"""How many times worse the other range must be to be ruled out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of trying both ranges."""

    value_range: float | None
    """The range that fits; None if neither does."""
    clear: bool
    """Whether the other one is ruled out."""
    errors: tuple[float, float]
    """RMS difference, as a part of the range, between the input and the averaged output, for 1 and 255."""

    def __str__(self) -> str:
        one, byte = (f"{100 * error:.2g} %" for error in self.errors)
        return f"tried values to 1 and to 255: averaged down, the output is off by {one} and {byte}"


def probe_range(network: nn.Module) -> Finding:
    """Run a test image through a network at both ranges and compare.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, with ``scale`` and ``in_channels``.
    """
    image = _test_image(int(network.in_channels))  # type: ignore[arg-type]
    one, byte = (_error(network, image, value_range) for value_range in RANGES)
    better, worse = sorted((one, byte))
    if not better < _GOOD:
        return Finding(None, False, (one, byte))
    return Finding(1.0 if one <= byte else 255.0, worse > _CLEAR * better, (one, byte))


def _error(network: nn.Module, image: Tensor, value_range: float) -> float:
    with torch.inference_mode():
        output = network(image * value_range) / value_range
    means = functional.adaptive_avg_pool2d(output, image.shape[-2:])
    difference = float((means - image).square().mean().sqrt())
    return difference if difference == difference else float("inf")


def _test_image(channels: int) -> Tensor:
    """Something like a photograph: slow shading, edges at several angles, fine texture; in [0.1, 0.9]."""
    y, x = torch.meshgrid(torch.arange(_SIZE) / _SIZE, torch.arange(_SIZE) / _SIZE, indexing="ij")
    shading = 0.4 + 0.2 * torch.cos(3 * x + 2 * y)
    disc = ((x - 0.35) ** 2 + (y - 0.4) ** 2 < 0.06).float()
    bar = ((0.8 * x + 0.6 * y - 0.95).abs() < 0.05).float()
    texture = torch.sin(40 * x) * torch.sin(25 * y) * (x > 0.6)
    image = shading + 0.25 * disc - 0.3 * bar + 0.08 * texture
    gains = torch.tensor((1.0, 0.8, 0.9))[:channels] if channels == 3 else torch.ones(channels)
    return (image * gains[:, None, None]).clamp(0.1, 0.9)[None]
