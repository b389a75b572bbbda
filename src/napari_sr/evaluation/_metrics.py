"""PSNR and SSIM by the protocol of the super-resolution papers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import bt601_luma

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW = 11
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def evaluation_luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luma that the papers compare: of 8-bit RGB in studio swing, not rounded; of a grey image itself.

    Parameters
    ----------
    image : array of uint8, shape (Y, X) or (Y, X, 3)
        Rounding to 8 bits comes before, as the papers do it.

    Returns
    -------
    array of float64, shape (Y, X)
        Values in 0..255.
    """
    if image.ndim == 2:
        return image.astype(np.float64)
    return np.float64(255.0) * bt601_luma(image.astype(np.float64) / 255.0)


def shave(image: NDArray[np.floating], border: int) -> NDArray[np.floating]:
    """Cut ``border`` pixels off all four sides of the first two axes.

    Parameters
    ----------
    image : array, shape (Y, X, ...)
        Must be larger than two borders.
    border : int
        Pixels; 0 leaves the image as it is.

    Returns
    -------
    array
        A view of the inside.
    """
    if min(image.shape[:2]) <= 2 * border:
        raise InputError(
            f"an image of {image.shape[:2]} pixels is too small to cut {border} off each side"
        )
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def psnr(
    reference: NDArray[np.floating], image: NDArray[np.floating], peak: float = 255.0
) -> float:
    """Peak signal-to-noise ratio in decibels.

    Parameters
    ----------
    reference, image : arrays of the same shape
        Values in ``[0, peak]``.
    peak : float
        Largest possible value.

    Returns
    -------
    float
        Infinite for equal images.
    """
    _same_shape(reference, image)
    error = float(np.mean((reference.astype(np.float64) - image) ** 2))
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def ssim(
    reference: NDArray[np.floating], image: NDArray[np.floating], peak: float = 255.0
) -> float:
    """Mean structural similarity with an 11x11 Gaussian window over its valid region.

    Parameters
    ----------
    reference, image : arrays, shape (Y, X), both sides at least 11
        Values in ``[0, peak]``.
    peak : float
        Largest possible value.

    Returns
    -------
    float
        1 for equal images.

    References
    ----------
    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13 (2004).
    """
    _same_shape(reference, image)
    if min(reference.shape) < _WINDOW:
        raise InputError(
            f"SSIM needs images of at least {_WINDOW} pixels a side, not {reference.shape}"
        )
    x, y = reference.astype(np.float64), image.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_x + var_y + c2)))


def _blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian mean, separably, where the window lies wholly inside."""
    at = np.arange(_WINDOW) - _WINDOW // 2
    window = np.exp(-(at**2) / (2 * _SIGMA**2))
    window /= window.sum()
    rows = np.lib.stride_tricks.sliding_window_view(image, _WINDOW, axis=0) @ window
    return np.lib.stride_tricks.sliding_window_view(rows, _WINDOW, axis=1) @ window


def _same_shape(reference: NDArray[np.floating], image: NDArray[np.floating]) -> None:
    if reference.shape != image.shape:
        raise InputError(f"images to compare differ in shape: {reference.shape} and {image.shape}")
