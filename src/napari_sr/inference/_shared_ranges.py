"""Ranges of an image that is too large to be read, measured when they are first needed and then kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.inference._ranges import Ranges, fixed_range, known_ranges, measure_ranges

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da
    from numpy.typing import NDArray

    from napari_sr.inference._plan import Plan

_WHOLE = 2**25
"""Up to so many values, all of a channel are read."""
_PARTS = 32
"""Of a larger one, so many blocks, evenly spread."""


class SharedRanges:
    """Intensity ranges of a dask array; where it is pickled, it takes the ranges along and not the array.

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

    def __reduce__(self) -> tuple[Callable[[Ranges], Known], tuple[Ranges]]:
        return Known, (self.get(),)

    def _measure(self) -> Ranges:
        plan = self._plan
        if plan.intensity_range:
            return known_ranges(plan.intensity_range, plan.axes, plan.dtype)
        known = fixed_range(plan.axes, plan.dtype)
        views = [self._channel(channel) for channel in range(plan.axes.channels)]
        small = sum(view.size for view in views) <= _WHOLE
        if known and not small:
            return known_ranges(known, plan.axes, plan.dtype)
        # Also where there is a convention: an image of one color keeps it exactly, and alpha its extremes.
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


class Known:
    """Ranges that were measured elsewhere."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def get(self) -> Ranges:
        """The ranges."""
        return self._ranges


def _read_all(view: da.Array) -> list[NDArray[Any]]:
    # In this thread: it may be one of a pool's already.
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
