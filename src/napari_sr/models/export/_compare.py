"""Comparison of an exported file with its model: both are run on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from napari_sr._text import one_line
from napari_sr.errors import ExportError
from napari_sr.models.export._facts import smallest

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TOLERANCE", "Agreement", "Program", "agreement", "photograph"]

Program = Callable[[Tensor], Tensor]
"""An exported file that has been opened: ``(N, C, H, W)`` to ``(N, C, s·H, s·W)``."""

TOLERANCE = 1e-4
"""Largest difference that is accepted, divided by the largest value of the model's output.

Summation in another order changes float32 by 1e-7 to 1e-5; half a gray level of 8 bit is 2e-3.
"""

STEPS = (1, 2, 4, 8, 16)
"""Multiples that are tried for height and width; networks that need one reduce their images 2 to 16 times."""
_SIZES = ((1, 32, 36), (2, 47, 33), (1, 65, 80))
"""Number of images, height and width. They have no common multiple, since a file must accept any size."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How closely a file agrees with its model."""

    difference: float
    """Largest difference between the outputs, divided by the largest value of the model's output."""
    step: int
    """Heights and widths must be multiples of this."""


def agreement(program: Program, network: nn.Module, value_range: float) -> Agreement:
    """Run a program and the network it was made from on images of several sizes, and compare.

    Parameters
    ----------
    program : callable
        Tensor ``(N, C, H, W)`` to tensor ``(N, C, s·H, s·W)``.
    network : torch.nn.Module
        The original.
    value_range : float
        Images have values in ``[0, value_range]``.

    Returns
    -------
    Agreement
        With the smallest step at which both agree.

    Raises
    ------
    ExportError
        If the program fails at every step, or its output differs by more than `TOLERANCE`.
    """
    reasons = []
    for step in STEPS:
        try:
            difference = max(
                _difference(program, network, image * value_range)
                for image in _images(network, step)
            )
        except (RuntimeError, ValueError) as error:
            # the last line: PyTorch puts the trace of a program before its message
            reasons.append((str(error).strip().splitlines() or [type(error).__name__])[-1])
            continue
        if difference <= TOLERANCE:
            return Agreement(difference, step)
        reasons.append(f"it differs by {difference:.1e} of the output")
    raise ExportError(f"the exported file does not do what the model does: {one_line(reasons[0])}")


def _difference(program: Program, network: nn.Module, image: Tensor) -> float:
    with torch.inference_mode():
        expected = network(image)
        found = program(image)
    if found.shape != expected.shape:
        raise ValueError(
            f"gives {tuple(found.shape)} for {tuple(image.shape)} instead of {tuple(expected.shape)}"
        )
    if not torch.isfinite(found).all():
        raise ValueError("gives values that are not finite")
    largest = float(expected.abs().max())
    return float((found - expected).abs().max()) / (largest or 1.0)


def _images(network: nn.Module, step: int) -> Iterator[Tensor]:
    channels, least = cast("int", network.in_channels), smallest(network)
    for count, *sides in _SIZES:
        height, width = (-(-max(side, least) // step) * step for side in sides)
        yield photograph(height, width, channels).expand(count, -1, -1, -1)


def photograph(height: int, width: int, channels: int) -> Tensor:
    """Draw an image with shading, edges and a texture, but no noise, for which the output of some networks diverges.

    Returns
    -------
    tensor, shape (1, channels, height, width)
        Values in [0.1, 0.9].
    """
    y, x = torch.meshgrid(torch.arange(height) / 48, torch.arange(width) / 48, indexing="ij")
    image = 0.45 + 0.2 * torch.cos(3 * x + 2 * y) + 0.05 * torch.sin(31 * x) * torch.sin(23 * y)
    image = image + 0.2 * ((x - 0.3) ** 2 + (y - 0.35) ** 2 < 0.05)
    image = image - 0.25 * ((0.8 * x + 0.6 * y - 0.7).abs() < 0.06)
    gains = torch.tensor((1.0, 0.8, 0.9))[:channels]
    return (image * gains[:, None, None]).clamp(0.1, 0.9)[None]
