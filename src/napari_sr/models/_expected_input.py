"""Input that the network in a file expects: the range of its values, and whether they are luma, gray or RGB.

Files that this project wrote state both. For other files the value range is measured: a network restores a test image
better than interpolation if the values are in its own range. In the wrong range its biases are 255 times too large or
too small, which costs decibels. If that does not decide, the range that the authors of the architecture use is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sr.architectures.self_test import psnr_gain
from napari_sr.errors import ModelRangeError
from napari_sr.models._card import COLORS, Color

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from napari_sr.architectures.registry import Architecture

__all__ = ["RANGES", "Finding", "check_input", "color_of", "probe_range", "range_of"]

RANGES = (1.0, 255.0)
"""Largest values that networks in use expect: of floating-point or of 8-bit images."""

_NONSENSE = -6.0
"""Gain in dB below which a network does not work; networks trained with a perceptual loss lose up to 3."""
_CLEAR = 0.5
"""Difference of gains in dB that decides; rounding causes less than 0.01."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of running a network at both ranges."""

    gains: tuple[float, float]
    """Gain in dB over bicubic interpolation, with values up to 1 and up to 255."""

    @property
    def value_range(self) -> float | None:
        """The range that works, the smaller one if both work equally; None if this cannot be decided."""
        one, byte = self.gains
        if max(one, byte) < _NONSENSE:
            return None
        if abs(one - byte) < _CLEAR:
            return RANGES[0] if self.indifferent else None
        return RANGES[0] if one > byte else RANGES[1]

    @property
    def indifferent(self) -> bool:
        """Whether the network does the same in both ranges, like one without biases."""
        one, byte = self.gains
        return abs(one - byte) < 0.01

    def __str__(self) -> str:
        one, byte = self.gains
        return f"a test image gains {one:+.1f} dB over bicubic at 1 and {byte:+.1f} dB at 255"


def probe_range(network: nn.Module) -> Finding:
    """Restore a test image with a network at both ranges.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU, with ``scale`` and ``in_channels``.

    Returns
    -------
    Finding
        Gain over interpolation at each of `RANGES`.
    """
    one, byte = (psnr_gain(network, value_range) for value_range in RANGES)
    return Finding((one, byte))


def check_input(value_range: float | None, color: str | None, in_channels: int) -> None:
    """Check a value range and a color that a caller states.

    Parameters
    ----------
    value_range : float or None
        1 or 255; None if the caller does not state it.
    color : str or None
        One of `COLORS`; None if the caller does not state it.
    in_channels : int
        Of the network.

    Raises
    ------
    ModelRangeError
        If the network cannot expect such input.
    """
    if value_range is not None and value_range not in RANGES:
        raise ModelRangeError(f"value_range must be 1 or 255, not {value_range!r}")
    if color is not None and color not in COLORS:
        raise ModelRangeError(f"color must be one of {', '.join(COLORS)}, not {color!r}")
    if color is not None and (color == "RGB") != (in_channels == 3):
        raise ModelRangeError(
            f"color {color!r} does not fit a network with {in_channels} input channel(s)"
        )


def color_of(metadata: Mapping[str, str], architecture: Architecture, in_channels: int) -> Color:
    """Color that a network was trained on: by the metadata of its file, its channels, or its authors' use."""
    for color in COLORS:
        if metadata.get("color") == color:
            return color
    if in_channels == 3:
        return "RGB"
    return "grey" if architecture.color == "grey" else "Y"


def range_of(
    metadata: Mapping[str, str], architecture: Architecture, network: nn.Module, name: str
) -> tuple[float, str]:
    """Determine the value range that the network in a file expects.

    Parameters
    ----------
    metadata : mapping of str to str
        Of the file.
    architecture : Architecture
        Of the network.
    network : torch.nn.Module
        In evaluation mode, on the CPU.
    name : str
        Of the file, for messages.

    Returns
    -------
    value_range : float
        1 or 255.
    how : str
        How it was determined, in words.

    Raises
    ------
    ModelRangeError
        If it cannot be determined.
    """
    known: float | None = getattr(network, "value_range", None)
    if known is not None:
        return known, "as the network requires"
    stated = metadata.get("value_range", "")
    if stated in ("1", "1.0", "255", "255.0"):
        return float(stated), "as the file states"
    finding = probe_range(network)
    if finding.value_range is not None:
        return finding.value_range, str(finding)
    if architecture.value_range is not None:
        return architecture.value_range, f"as the authors of {architecture.id} use ({finding})"
    raise ModelRangeError(
        f"{name}: cannot tell whether values go to 1 or 255 ({finding}); "
        "pass value_range=1 or value_range=255"
    )
