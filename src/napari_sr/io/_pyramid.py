"""The next coarser level of a picture pyramid: means of 2 x 2 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def halved(block: NDArray[Any]) -> NDArray[Any]:
    """Average 2 x 2 pixels along the last two axes.

    Parameters
    ----------
    block : array, shape (..., Y, X)
        Any real type.

    Returns
    -------
    array, shape (..., ceil(Y / 2), ceil(X / 2)), of the same type
        Integers rounded to the nearest; a bool is True where at least half are. NaN
        only where all are. A last row or column without a partner stands for itself.
    """
    odd = [(0, 0)] * (block.ndim - 2) + [(0, n % 2) for n in block.shape[-2:]]
    block = np.pad(block, odd, mode="edge")  # a mean with oneself changes nothing
    quarters = [block[..., y::2, x::2] for y in (0, 1) for x in (0, 1)]
    if block.dtype.kind == "b":
        return np.asarray(np.sum(quarters, axis=0) >= 2)
    if block.dtype.kind == "f":
        return _nan_mean(quarters).astype(block.dtype)
    # the parts of four first, so that no integer type overflows
    fours = sum(quarter // 4 for quarter in quarters)
    rest = np.rint(sum(quarter % 4 for quarter in quarters) / 4)
    return np.asarray(fours + rest.astype(block.dtype))


def _nan_mean(quarters: list[NDArray[Any]]) -> NDArray[np.float64]:
    parts = [quarter.astype(np.float64) for quarter in quarters]
    known = [~np.isnan(part) for part in parts]
    count = np.sum(known, axis=0)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        total = sum(np.where(there, part, 0) for there, part in zip(known, parts, strict=True))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
