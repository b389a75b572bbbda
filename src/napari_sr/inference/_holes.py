"""Holes: pixels that are NaN or infinite. They stay where they were, as blocks of the output, and do not spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 2
"""A hole is filled from pixels no further away along Y and X."""


def fill(
    values: NDArray[np.floating[Any]], spare: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Replace holes by the mean of their finite neighbours, so that a network sees nothing of them.

    Parameters
    ----------
    values : array, shape (samples, Y, X)
        With holes; not changed.
    spare : array, shape (samples,)
        What stands where no neighbour is finite.

    Returns
    -------
    array
        Finite; where `values` is finite, equal to it.
    """
    finite = np.isfinite(values)
    if finite.all():
        return values
    total = _box_sum(np.where(finite, values, 0).astype(np.float64))
    count = _box_sum(finite.astype(np.float64))
    known = np.where(count > 0, total / np.maximum(count, 1), spare[:, None, None])
    return np.where(finite, values, known).astype(values.dtype)


def _box_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the neighbourhood, pixel by pixel so that each depends on nothing further away."""
    for axis in (-2, -1):
        pads = [(0, 0)] * values.ndim
        pads[axis] = (RADIUS, RADIUS)
        padded = np.pad(values, pads)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * RADIUS + 1, axis=axis)
        values = windows.sum(axis=-1)
    return values


def restore(
    out: NDArray[Any], source: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> None:
    """Put the holes of the source into the output.

    Parameters
    ----------
    out : array, shape (samples, Y, X)
        Changed in place.
    source : array, shape (samples, y, x)
        With holes.
    rows, columns : arrays of int, shape (Y,) and (X,)
        Pixel of the source in which each output pixel lies.
    """
    blocks = source[:, rows[:, None], columns]
    np.copyto(out, blocks, where=~np.isfinite(blocks))
