"""The next coarser level of an image pyramid: means of 2 x 2 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["downsample2"]


def downsample2(block: NDArray[Any]) -> NDArray[Any]:
    """Average 2 x 2 pixels along the last two axes.

    Parameters
    ----------
    block : array, shape (..., Y, X)
        Any real type.

    Returns
    -------
    array, shape (..., ceil(Y / 2), ceil(X / 2)), of the same type
        Integers are rounded to the nearest, half upward; a bool is True where at least half are. NaN is left out of
        the means, and results only where all four are NaN. An unpaired last row or column is averaged with itself.
    """
    odd = [(0, 0)] * (block.ndim - 2) + [(0, n % 2) for n in block.shape[-2:]]
    if block.shape[-1] % 2 or block.shape[-2] % 2:
        block = np.pad(block, odd, mode="edge")
    kind = block.dtype.kind
    if kind == "b":
        return np.asarray(_sum_of_four(block, np.uint8) >= 2)
    if kind == "f":
        return _float_mean(block).astype(block.dtype)
    if block.dtype.itemsize == 8:  # there is no wider type: average quotients and remainders apart
        rest = (_sum_of_four(block % 4, block.dtype) + 2) // 4
        return np.asarray(_sum_of_four(block // 4, block.dtype) + rest)
    wider = np.dtype(f"{kind}{2 * block.dtype.itemsize}")
    return ((_sum_of_four(block, wider) + 2) >> 2).astype(block.dtype)


def _sum_of_four(block: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    rows = np.add(block[..., ::2, :], block[..., 1::2, :], dtype=dtype)
    return np.asarray(rows[..., ::2] + rows[..., 1::2])


def _float_mean(block: NDArray[Any]) -> NDArray[np.float64]:
    missing = np.isnan(block)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        if not missing.any():
            return _sum_of_four(block, np.float64) / 4
        count = _sum_of_four(~missing, np.uint8)
        total = _sum_of_four(np.where(missing, 0, block), np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
