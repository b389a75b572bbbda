"""Intensities: mapped to the range of a network, and exactly back.

A network may explode on values outside its range, so it is never given any, and none is lost: the part of an image
outside a robust range is subtracted before and added again after, enlarged bicubically. The functions that run on
every tile use only arithmetic and ``clip``, so they take NumPy arrays and torch tensors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import DTypeLike, NDArray

_TAIL = 0.001
"""Largest share of the pixels at each end that may be outliers: hot pixels are fewer, bright structures more."""
_MARGIN = 0.5
"""Distance from the other pixels, relative to their span, from which a pixel is an outlier."""
_FEW = 16
"""Number of pixels below which none is an outlier: fewer have no distribution."""
_SAMPLE = 4_000_000
"""Pixels from which the tails of the distribution are estimated: 4,000 lie in each of them."""

ArrayT = TypeVar("ArrayT", bound=Any)


def check_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """The dtype of an image that can be upscaled: bool, integers or real floating point up to 64 bits.

    Raises
    ------
    InputError
        If it is any other; the message says what to do.
    """
    checked = np.dtype(dtype)
    if checked.kind == "c":
        raise InputError(
            f"{checked} images cannot be upscaled; take abs(image) or image.real first"
        )
    if checked.kind not in "buif" or checked.itemsize > 8:
        raise InputError(
            f"{checked} images cannot be upscaled; convert to integers or float64 first"
        )
    return checked


def robust_range(parts: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Darkest and brightest value of an image apart from its outliers.

    Outliers are at most one pixel in a thousand at each end and lie more than half the others' span beyond them.
    The ends are values of the image, so that ``k · image + c`` has the range ``k · range + c``, and a
    hot pixel does not change how the others are normalized.

    Parameters
    ----------
    parts : iterable of arrays
        The image in parts, e.g. frames; all of one dtype. Iterated over twice.

    Returns
    -------
    tuple of float
        ``(low, high)``; equal for a constant image, (0, 0) if no value is finite.
    """
    parts = list(parts)
    count = sum(part.size for part in parts)
    step = max(1, math.ceil(count / _SAMPLE))
    sample = np.concatenate([_finite(part)[::step] for part in parts] or [np.empty(0)])
    if sample.size == 0:
        return 0.0, 0.0
    low, high = _inlier_bounds(sample)
    inner = [_ends_within(_finite(part), low, high) for part in parts]
    return min(ends[0] for ends in inner), max(ends[1] for ends in inner)


def _finite(part: NDArray[Any]) -> NDArray[Any]:
    flat = part.reshape(-1)
    if part.dtype.kind != "f":
        return flat
    finite = np.isfinite(flat)
    return flat if finite.all() else flat[finite]


def _inlier_bounds(sample: NDArray[Any]) -> tuple[float, float]:
    """Bounds beyond which a value is an outlier."""
    if sample.size < _FEW:
        return -math.inf, math.inf
    rank = max(1, int(_TAIL * sample.size))
    ordered = np.partition(sample, (rank, sample.size - 1 - rank))
    low, high = float(ordered[rank]), float(ordered[-1 - rank])
    # A nearly constant image has no span to measure distances in.
    reach = _MARGIN * (high - low) if high > low else math.inf
    return low - reach, high + reach


def _ends_within(values: NDArray[Any], low: float, high: float) -> tuple[float, float]:
    if values.size == 0:
        return math.inf, -math.inf
    ends = float(values.min()), float(values.max())
    if ends[0] >= low and ends[1] <= high:
        return ends
    inner = values[(values >= low) & (values <= high)]
    return (float(inner.min()), float(inner.max())) if inner.size else (math.inf, -math.inf)


def to_unit(values: ArrayT, low: Any, high: Any) -> tuple[ArrayT, ArrayT]:
    """Map a range to [0, 1], and part off what lies outside it.

    Parameters
    ----------
    values : array or tensor
        Finite intensities.
    low, high : scalars, or arrays or tensors that broadcast
        The range; where ``low == high`` the mapped values are 0.

    Returns
    -------
    unit, rest : arrays or tensors
        ``values = low + unit · (high - low) + rest`` to rounding; ``unit`` lies in [0, 1] and ``rest`` is exactly 0
        inside the range.
    """
    inside = values.clip(low, high)
    span = high - low
    unit = (inside - low) / (span + (span == 0))
    return unit.clip(0, 1), values - inside


def from_unit(unit: ArrayT, low: Any, high: Any) -> ArrayT:
    """Inverse of `to_unit` for what lies inside the range: ``low + unit · (high - low)``."""
    mapped: ArrayT = unit * (high - low)
    mapped += low
    return mapped


def to_dtype(values: NDArray[np.floating[Any]], dtype: DTypeLike) -> NDArray[Any]:
    """Real numbers as the nearest values of a dtype: integers rounded, everything clipped to what it can hold.

    Parameters
    ----------
    values : array of float
        May be changed.
    dtype : dtype
        Of the result. NaN and infinities are kept in floating-point types.

    Returns
    -------
    array
        Of that dtype.
    """
    target = np.dtype(dtype)
    if target.kind == "b":
        yes: NDArray[np.bool_] = values >= 0.5
        return yes
    if target.kind == "f":
        return _to_float(values, target)
    limits = np.iinfo(target)
    low, high = values.dtype.type(limits.min), values.dtype.type(limits.max)
    if float(high) > limits.max:  # 2**63 - 1 is no float64; what rounds up to it would wrap around
        high = np.nextafter(high, values.dtype.type(0))
    np.rint(values, out=values)
    np.clip(values, low, high, out=values)
    whole: NDArray[Any] = values.astype(target)
    return whole


def _to_float(values: NDArray[np.floating[Any]], target: np.dtype[Any]) -> NDArray[Any]:
    if target.itemsize >= values.dtype.itemsize:
        return values.astype(target, copy=False)
    limit = values.dtype.type(np.finfo(target).max)
    held = np.where(np.isfinite(values), values.clip(-limit, limit), values)
    narrow: NDArray[Any] = held.astype(target)
    return narrow
