"""Intensity ranges: which intensities become 0 and 1, one pair for each channel and sample of a whole stack."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import Axes, robust_range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dask.array as da
    from numpy.typing import NDArray

    from napari_sr.inference._plan import Plan


_SAFE = 1e30
"""Largest intensity, and inverse of the smallest range, whose products and quotients float32 (3e38) can hold."""


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
    """Ranges without reading the stack: the known one for colors, that of the dtype for alpha."""
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
        A constant channel keeps its value exactly: its range has no length.

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
    present = [part for part in finite if part.size]
    if not present:
        return 0.0, 0.0
    return min(float(part.min()) for part in present), max(float(part.max()) for part in present)


_WHOLE = 2**25
"""Values up to which all of an image is read to measure its range: 32 million take about a second."""
_PARTS = 32
"""Blocks, evenly spread, that are read of each channel of a larger image; a robust range needs no more."""


class SharedRanges:
    """Intensity ranges of a dask array, measured when they are first needed.

    Pickling measures them and drops the array.

    Parameters
    ----------
    plan : Plan
        Made for the image.
    image : dask array
        The image.
    """

    def __init__(self, plan: Plan, image: da.Array) -> None:
        self._plan, self._image = plan, image
        self._ranges: Ranges | None = None
        self._lock = threading.Lock()

    def get(self) -> Ranges:
        """The ranges; the first call measures them."""
        with self._lock:
            if self._ranges is None:
                self._ranges = self._measure()
            return self._ranges

    def __reduce__(self) -> tuple[Callable[[Ranges], MeasuredRanges], tuple[Ranges]]:
        return MeasuredRanges, (self.get(),)

    def _measure(self) -> Ranges:
        plan = self._plan
        if plan.intensity_range:
            return known_ranges(plan.intensity_range, plan.axes, plan.dtype)
        known = fixed_range(plan.axes, plan.dtype)
        views = [self._channel(channel) for channel in range(plan.axes.channels)]
        small = sum(view.size for view in views) <= _WHOLE
        if known and not small:
            return known_ranges(known, plan.axes, plan.dtype)
        # Also where a convention fixes the range: a constant image keeps its value exactly, and alpha its extremes.
        parts = [_read_all(view) if small else _read_some(view) for view in views]
        return measure_ranges(parts, plan.axes, plan.dtype, known)

    def _channel(self, channel: int) -> da.Array:
        """One channel, shape (stack..., samples, Y, X)."""
        axes = self._plan.axes
        view = self._image.transpose(axes.order)
        if "S" not in axes.letters:
            view = view[..., None, :, :]
        letters = [axes.letters[i] for i in axes.stack]
        if "C" not in letters:
            return view
        index = letters.index("C")
        return view[(slice(None),) * index + (channel,)]


class MeasuredRanges:
    """Ranges that another process has measured."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def get(self) -> Ranges:
        """The ranges."""
        return self._ranges


def _read_all(view: da.Array) -> list[NDArray[Any]]:
    # In this thread, which may already be one of dask's pool.
    values = view.compute(scheduler="synchronous")
    return list(values.reshape(-1, *values.shape[-3:]))


def _read_some(view: da.Array) -> list[NDArray[Any]]:
    """Blocks evenly spread over a channel."""
    samples = view.shape[-3]
    whole_pixels = view.rechunk({view.ndim - 3: samples})
    grid = whole_pixels.numblocks
    count = int(np.prod(grid))
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PARTS)).round().astype(int))
    parts: list[NDArray[Any]] = []
    for flat in chosen:
        index = tuple(int(i) for i in np.unravel_index(flat, grid))
        parts += _read_all(whole_pixels.blocks[index])
    return parts
