"""Ranges: which intensities become 0 and 1, one pair for each channel and sample of a whole stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import Axes, robust_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_SAFE = 1e30


@dataclass(frozen=True, slots=True)
class Ranges:
    """Intensities that a network sees as 0 and 1."""

    low: NDArray[np.float64]
    """Shape (channels, samples); the last of two or four samples is alpha."""
    high: NDArray[np.float64]
    """Likewise; equal to `low` where the channel is constant."""

    def working_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Type in which intensities of a dtype are mapped without losing digits or overflowing."""
        narrow = dtype.itemsize <= 2 or dtype == np.float32
        ends = np.abs([self.low, self.high])
        span = self.high - self.low
        moderate = ends.max(initial=0) < _SAFE and not ((span > 0) & (span < 1 / _SAFE)).any()
        return np.dtype(np.float32 if narrow and moderate else np.float64)


def fixed_range(axes: Axes, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Range that RGB has by convention: 0 to 255 for 8 bits, 0 to 1 for floating point and bool; else None."""
    if axes.colors < 3:
        return None
    if dtype == np.uint8:
        return 0.0, 255.0
    return (0.0, 1.0) if dtype.kind in "fb" else None


def known_ranges(known: tuple[float, float], axes: Axes, dtype: np.dtype[Any]) -> Ranges:
    """Ranges of a stack of which nothing is to be read: the known one for colors, all that exists for alpha."""
    full = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (0, 1)
    ends = [known] * axes.colors + [full] * (axes.samples - axes.colors)
    low, high = np.tile(np.array(ends, np.float64), (axes.channels, 1, 1)).transpose(2, 0, 1)
    return Ranges(low, high)


def measure_ranges(
    channels: Sequence[list[NDArray[Any]]],
    axes: Axes,
    dtype: np.dtype[Any],
    given: tuple[float, float] | None = None,
) -> Ranges:
    """Find the ranges of a stack.

    Parameters
    ----------
    channels : sequence of lists of arrays, shape (samples, Y, X)
        The images of each channel, or a sample of them.
    axes : Axes
        Of the stack.
    dtype : numpy.dtype
        Of the stack.
    given : tuple of float, optional
        Range to use for every channel instead of measuring.

    Returns
    -------
    Ranges
        The given range; or that of RGB by convention; else the robust range of each channel, common to R, G and B.
        Channels of one color only keep it exactly: their range has no length.

    Raises
    ------
    InputError
        If intensities are too far apart for float64.
    """
    known = given or fixed_range(axes, dtype)
    ends = np.array([_channel_ranges(images, axes, known) for images in channels])
    low, high = ends[..., 0], ends[..., 1]
    with np.errstate(over="ignore"):
        if not np.isfinite(high - low).all():
            raise InputError("intensities span more than float64 can hold; divide the image first")
    return Ranges(low, high)


def _channel_ranges(
    images: list[NDArray[Any]], axes: Axes, known: tuple[float, float] | None
) -> list[tuple[float, float]]:
    colors = range(axes.colors)
    ends = [_extremes([image[sample] for image in images]) for sample in range(axes.samples)]
    if all(ends[sample][0] == ends[sample][1] for sample in colors):
        return ends
    common = known or robust_range([image[: axes.colors] for image in images])
    return [common] * axes.colors + ends[axes.colors :]


def _extremes(parts: list[NDArray[Any]]) -> tuple[float, float]:
    finite = [part[np.isfinite(part)] if part.dtype.kind == "f" else part for part in parts]
    some = [part for part in finite if part.size]
    if not some:
        return 0.0, 0.0
    return min(float(part.min()) for part in some), max(float(part.max()) for part in some)
