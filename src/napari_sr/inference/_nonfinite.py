"""Pixels that are NaN or infinite: hidden from the networks, and restored as blocks of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 2
"""Pixels along Y and X from which a hole is filled: near ones resemble it, and windows must contain them."""


def inpaint(
    values: NDArray[np.floating[Any]], default: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Replace non-finite pixels by the mean of their finite neighbors.

    Parameters
    ----------
    values : array, shape (samples, Y, X)
        With non-finite pixels; not changed.
    default : array, shape (samples,)
        Value where no neighbor is finite.

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
    known = np.where(count > 0, total / np.maximum(count, 1), default[:, None, None])
    return np.where(finite, values, known).astype(values.dtype)


def _box_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over the neighborhood of each pixel. Not by cumulative sums, whose rounding depends on distant pixels."""
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
    """Copy the non-finite pixels of the source into the output.

    Parameters
    ----------
    out : array, shape (samples, Y, X)
        Changed in place.
    source : array, shape (samples, y, x)
        With non-finite pixels.
    rows, columns : arrays of int, shape (Y,) and (X,)
        Source pixel in which each output pixel lies.
    """
    blocks = source[:, rows[:, None], columns]
    np.copyto(out, blocks, where=~np.isfinite(blocks))
