"""What a TIFF says about an image beside its pixels, in the same form for every dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_sr.io._units import PIXEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.imaging import Channel

__all__ = ["CREATOR", "AxisScale", "Facts", "own_scales", "positive", "rounded"]

CREATOR = "napari-sr"
"""Names the program in the files that it writes, and the part of a description that is our own."""


class AxisScale(NamedTuple):
    """Calibration of one axis."""

    scale: float
    unit: str = PIXEL
    origin: float = 0.0
    """World position of the center of the first pixel."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a TIFF says about one of its images."""

    dialect: str
    """``"OME-TIFF"``, ``"ImageJ TIFF"`` or ``"TIFF"``."""
    scales: Mapping[str, AxisScale] = field(default_factory=dict)
    """By the letter of the axis; only axes whose calibration is known."""
    channels: tuple[Channel, ...] = ()
    """One for each channel; none where nothing is known of them."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """How napari-sr made the image, if it did."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """Entries for the metadata of the image."""


def own_scales(described: Mapping[str, Any]) -> dict[str, AxisScale]:
    """Calibration that we stored ourselves, because the dialect cannot express it.

    Parameters
    ----------
    described : mapping
        Description in JSON, by us or by any other program.

    Returns
    -------
    dict of str to AxisScale
        By the letter of the axis; empty if the description is not ours.
    """
    stored = described.get(CREATOR)
    if not isinstance(stored, dict):
        return {}
    return {axis: AxisScale(*values) for axis, values in stored.items()}


def rounded(value: float) -> float:
    """Undo the rounding to fractions of 32-bit numbers: 0.107 comes back as 0.107."""
    return float(f"{value:.9g}")


def positive(value: Any) -> float | None:
    """A number that can be a size; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
