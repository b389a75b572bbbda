"""Which value range does a network expect? Try both and look which restores a picture.

A network that gets values in its own range restores a picture better than interpolation does. In the
wrong one its biases are 255 times too large or too small, and it costs decibels, if not the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sr.architectures.likeness import gain

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RANGES", "Finding", "probe_range"]

RANGES = (1.0, 255.0)

_NONSENSE = -6.0
"""Gain in dB below which a network is not working; networks trained for looks lose up to 3."""
_CLEAR = 0.5
"""Difference in dB that settles the matter; rounding makes less than 0.01."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of trying both ranges."""

    gains: tuple[float, float]
    """Decibels gained over bicubic interpolation with values to 1 and to 255."""

    @property
    def value_range(self) -> float | None:
        """The range that works, the smaller one if both work as well; None if it cannot be told."""
        one, byte = self.gains
        if max(one, byte) < _NONSENSE:
            return None
        if abs(one - byte) < _CLEAR:
            return RANGES[0] if self.indifferent else None
        return RANGES[0] if one > byte else RANGES[1]

    @property
    def indifferent(self) -> bool:
        """Whether the network does the same in both ranges, as one without biases does."""
        one, byte = self.gains
        return abs(one - byte) < 0.01

    def __str__(self) -> str:
        one, byte = self.gains
        return f"a test picture gains {one:+.1f} dB over bicubic at 1 and {byte:+.1f} dB at 255"


def probe_range(network: nn.Module) -> Finding:
    """Restore a test picture with a network at both ranges.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU, with ``scale`` and ``in_channels``.
    """
    one, byte = (gain(network, value_range) for value_range in RANGES)
    return Finding((one, byte))
