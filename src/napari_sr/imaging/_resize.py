"""Resampling: MATLAB's ``imresize``, with which super-resolution papers make their small images.

One axis at a time, a sparse row of weights for each output pixel; the same rows serve whole images here and tiles
in the engine, so a tile's pixels equal the whole image's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sr.errors import InputError

Float = NDArray[np.float64]


def cubic(x: ArrayLike) -> Float:
    """Keys' cubic convolution kernel with a = -1/2.

    Parameters
    ----------
    x : array_like
        Distances in pixels.

    Returns
    -------
    array of float64
        Zero beyond a distance of 2.

    References
    ----------
    R. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29 (1981), eq. 15.
    """
    d = np.abs(np.asarray(x, dtype=np.float64))
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def resize_weights(
    n_in: int, n_out: int, scale: float, antialias: bool = True
) -> tuple[NDArray[np.intp], Float]:
    """Rows of the bicubic resampling matrix along one axis, as MATLAB computes them.

    Parameters
    ----------
    n_in, n_out : int
        Pixels before and after.
    scale : float
        Output pixels per input pixel; it need not equal ``n_out / n_in``.
    antialias : bool
        Widen the kernel by ``1 / scale`` where the image shrinks.

    Returns
    -------
    indices : array of int, shape (n_out, k)
        Input pixels that each output pixel reads; beyond the border the image is mirrored, edge pixel included.
    weights : array of float64, shape (n_out, k)
        Rows sum to 1.
    """
    stretch = min(scale, 1.0) if antialias else 1.0
    width = 4.0 / stretch
    # Pixel centres, counted from 0: output pixel j covers [j, j + 1) / scale.
    centre = (np.arange(n_out) + 0.5) / scale - 0.5
    left = np.floor(centre - width / 2).astype(np.intp)
    taps = left[:, None] + np.arange(math.ceil(width) + 2)
    weights = cubic(stretch * (centre[:, None] - taps))
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.any(weights != 0, axis=0)
    taps, weights = taps[:, used] % (2 * n_in), weights[:, used]
    return np.where(taps < n_in, taps, 2 * n_in - 1 - taps), weights


def _resize_axis(image: Float, axis: int, n_out: int, scale: float, antialias: bool) -> Float:
    indices, weights = resize_weights(image.shape[axis], n_out, scale, antialias)
    moved = np.moveaxis(image, axis, 0)
    out = np.zeros((n_out, *moved.shape[1:]))
    tail = (1,) * (moved.ndim - 1)
    for tap in range(indices.shape[1]):
        out += weights[:, tap].reshape(-1, *tail) * moved[indices[:, tap]]
    return np.moveaxis(out, 0, axis)


def imresize(
    image: ArrayLike,
    scale: float | Sequence[float] | None = None,
    shape: Sequence[int] | None = None,
    *,
    antialias: bool = True,
    axes: Sequence[int] = (0, 1),
) -> Float:
    """Resize bicubically, as MATLAB's ``imresize(image, scale, 'bicubic')`` does.

    Parameters
    ----------
    image : array_like
        Any numeric type and number of dimensions.
    scale : float or sequence of float, optional
        Output pixels per input pixel, one for all ``axes`` or one each.
    shape : sequence of int, optional
        Output length of each of ``axes``; without it ``ceil(scale * length)``.
    antialias : bool
        Low-pass before shrinking, as MATLAB does by default.
    axes : sequence of int
        The axes to resize.

    Returns
    -------
    array of float64
        Neither rounded nor clipped. MATLAB rounds 8-bit images after each axis: see `imresize_uint8`.

    Raises
    ------
    InputError
        If neither ``scale`` nor ``shape`` is given, or either is not positive.
    """
    out = np.asarray(image, dtype=np.float64)
    for axis, n_out, factor in _steps(out.shape, scale, shape, axes):
        out = _resize_axis(out, axis, n_out, factor, antialias)
    return out


def imresize_uint8(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Resize the first two axes of an 8-bit image bit for bit as MATLAB does, rounding after each axis.

    Parameters
    ----------
    image : array of uint8, shape (Y, X) or (Y, X, C)
        Values in 0..255.
    scale : float
        Output pixels per input pixel.

    Returns
    -------
    array of uint8
        Shape ``(ceil(scale * Y), ceil(scale * X))`` and the channels.
    """
    out = image
    for axis, n_out, factor in _steps(image.shape, scale, None, (0, 1)):
        resized = _resize_axis(out.astype(np.float64), axis, n_out, factor, antialias=True)
        # MATLAB rounds halves away from zero; values are positive after the clip.
        out = np.floor(np.clip(resized, 0, 255) + 0.5).astype(np.uint8)
    return out


def _steps(
    size: tuple[int, ...],
    scale: float | Sequence[float] | None,
    shape: Sequence[int] | None,
    axes: Sequence[int],
) -> list[tuple[int, int, float]]:
    """``(axis, output length, factor)``, smallest factor first as MATLAB orders them."""
    if scale is None and shape is None:
        raise InputError("imresize needs a scale or an output shape")
    if scale is None:
        factors = [n / size[a] for n, a in zip(shape or (), axes, strict=True)]
    else:
        factors = [
            float(f) for f in (scale if isinstance(scale, Sequence) else [scale] * len(axes))
        ]
    lengths = shape or [math.ceil(f * size[a] - 1e-9) for f, a in zip(factors, axes, strict=True)]
    if not all(f > 0 and math.isfinite(f) for f in factors) or min(lengths) < 1:
        raise InputError(f"cannot resize by {factors}: every factor must be a positive number")
    steps = list(zip(axes, (int(n) for n in lengths), factors, strict=True))
    return sorted(steps, key=lambda step: step[2])
