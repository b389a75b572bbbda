"""Estimate of the best PSNR that noise allows: no network can restore noise that the small image lost.

`microscopy_table.py` shows it beside the PSNR of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import dctn

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8
"""Side of the blocks of the cosine transform in pixels, as in JPEG."""
FINEST = 5
"""Frequency of a block, along both axes, from which scenes contain almost nothing."""
GRIDS = [(y, x) for y in (0, 3, 5) for x in (0, 3, 5)]
"""Offsets of the blocks: a mean over several is more precise, and not all coincide with blocks of JPEG."""
LEVELS, LEAST = 16, 32
"""Most levels of brightness, and fewest blocks of each: noise may depend on brightness."""
MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""
WHITE = 0.8
"""Variance at the highest frequency relative to that at lower ones; less if the scene contributes or noise was
blurred."""
ROUNDED = 0.15
"""Variance below which noise of integers is mostly rounding (1/12), which follows from the scene."""


def psnr_limit(image: NDArray[Any], scale: int) -> float | None:
    """PSNR that an image made from the small one is not expected to exceed because of the original's noise.

    The small image has ``1 / scale**2`` as many values as the original, so it determines at most that share of the
    variance of white Gaussian noise, whichever filter made it; the rest remains as an error. This is also true of
    photon noise, unless there is less than one photon in several pixels. The estimate is too low for sharpened noise,
    and may be for sharp texture.

    Parameters
    ----------
    image : array, shape (Y, X)
        The original.
    scale : int
        Original pixels per pixel of the small image.

    Returns
    -------
    float or None
        Decibels, with the largest minus the smallest value as peak, to about 0.1 dB for 512 x 512 pixels; None where
        the finest detail is not white noise, or mostly rounding.
    """
    variance, whiteness = finest_detail(image)
    integer = np.issubdtype(image.dtype, np.integer)
    if not WHITE <= whiteness <= 1 / WHITE or (integer and variance < ROUNDED):
        return None
    error = variance * (1 - 1 / scale**2)
    return float(10 * np.log10(np.ptp(image.astype(np.float64)) ** 2 / error))


def finest_detail(image: NDArray[Any]) -> tuple[float, float]:
    """Variance of noise that is independent from pixel to pixel, and its whiteness.

    Parameters
    ----------
    image : array, shape (Y, X)
        Of any real type, at least 16 x 16 pixels.

    Returns
    -------
    variance : float
        Mean over the image, in squared intensities; noise may depend on brightness.
    whiteness : float
        1 for white noise, less if the scene has detail or noise was blurred; 0 without noise.

    References
    ----------
    D. L. Donoho and I. M. Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994: noise from the
    median of the finest coefficients, which edges do not change. Here of blocks of a DCT, by levels of brightness.
    """
    each = [_finest(image[y:, x:].astype(np.float64)) for y, x in GRIDS]
    variance, finer, finest = np.mean(each, axis=0)
    return float(variance), float(finest / finer) if finer > 0 else 0.0


def _finest(image: NDArray[np.float64]) -> tuple[float, float, float]:
    """Variance at all of the finest frequencies, at the lowest, and at the highest of them."""
    y, x = (side // BLOCK for side in image.shape)
    whole = image[: y * BLOCK, : x * BLOCK].reshape(y, BLOCK, x, BLOCK)
    blocks = whole.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    detail = dctn(blocks, axes=(1, 2), norm="ortho")[:, FINEST:, FINEST:]
    by_light = detail[np.argsort(blocks.mean(axis=(1, 2)), kind="stable")]
    levels = np.array_split(by_light, max(1, min(LEVELS, len(blocks) // LEAST)))
    picked = (slice(None), slice(None)), (0, 0), (-1, -1)
    all_, low, high = (
        float(np.mean([_variance(level[:, i, j]) for level in levels])) for i, j in picked
    )
    return all_, low, high


def _variance(coefficients: NDArray[np.float64]) -> float:
    return float((np.median(np.abs(coefficients)) / MEDIAN) ** 2)
