"""An estimate of the best PSNR that noise allows: what the small image lost of it, no network can tell.

`microscopy_table.py` sets it beside what models reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import dctn

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 8
FINEST = 5
"""From this frequency of a block on, along both axes, a scene is taken to have nearly nothing."""
GRIDS = [(y, x) for y in (0, 3, 5) for x in (0, 3, 5)]
"""Where blocks begin: the mean over several knows the noise better, and the blocks of JPEG do not fall into step."""
LEVELS, LEAST = 16, 32
"""Of light at most, and blocks of each at least."""
MEDIAN = 0.6745
"""Of the absolute value of a standard normal variable."""
WHITE = 0.8
"""Variance in the very finest detail over that in less fine; less where it is the scene's or was blurred."""
ROUNDED = 0.15
"""Variance below which integers are mostly rounding (1/12), which is known to who knows the scene."""


def psnr_limit(image: NDArray[Any], scale: int) -> float | None:
    """PSNR that, for its noise, no image made of the small one is expected to exceed, whatever is known of the scene.

    The small image has ``1 / scale**2`` as many numbers as the original and tells no more than that share of the
    variance of white Gaussian noise, whatever filter made it; the rest is left as an error. For photons it holds as
    well, unless there are fewer than one in several pixels. Sharpened noise makes it too low, and sharp texture may.

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
        the finest detail is no white noise, or mostly rounding.
    """
    variance, whiteness = finest_detail(image)
    integer = np.issubdtype(image.dtype, np.integer)
    if not WHITE <= whiteness <= 1 / WHITE or (integer and variance < ROUNDED):
        return None
    error = variance * (1 - 1 / scale**2)
    return float(10 * np.log10(np.ptp(image.astype(np.float64)) ** 2 / error))


def finest_detail(image: NDArray[Any]) -> tuple[float, float]:
    """Variance of noise, as far as it differs from pixel to pixel, and how white it is.

    Parameters
    ----------
    image : array, shape (Y, X)
        Of any real type, at least 16 x 16 pixels.

    Returns
    -------
    variance : float
        Mean over the image, in squared units of it, whether noise grows with the light or not.
    whiteness : float
        1 for white noise, less where a scene has detail or noise was blurred; 0 where there is no noise.

    References
    ----------
    D. L. Donoho and I. M. Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994: the noise from
    the median of the finest coefficients, for some edges do not move it. Here of blocks of a DCT, by levels of light.
    """
    each = [_finest(image[y:, x:].astype(np.float64)) for y, x in GRIDS]
    variance, finer, finest = np.mean(each, axis=0)
    return float(variance), float(finest / finer) if finer > 0 else 0.0


def _finest(image: NDArray[np.float64]) -> tuple[float, float, float]:
    """Variance at all of the finest frequencies, at the lowest and at the highest of them."""
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
