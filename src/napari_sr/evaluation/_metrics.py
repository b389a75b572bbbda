"""PSNR and SSIM as super-resolution papers measure them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import bt601_luma

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIGMA = 1.5
"""Standard deviation of the Gaussian window in pixels, as in the reference implementation of the paper."""
_WINDOW = 11
"""Side of that window in pixels; scikit-image derives it from the standard deviation."""


def evaluation_luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luma that papers compare: of 8-bit RGB in studio swing and not rounded; a gray image is its own luma.

    Parameters
    ----------
    image : array of uint8, shape (Y, X) or (Y, X, 3)
        Rounded to 8 bits beforehand, as papers do it.

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

    Raises
    ------
    InputError
        If nothing would remain.
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

    Raises
    ------
    InputError
        If the shapes differ.
    """
    _check_shapes(reference, image)
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

    Raises
    ------
    InputError
        If the shapes differ, or a side is shorter than the window.

    References
    ----------
    Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13 (2004).
    """
    from skimage.metrics import structural_similarity

    _check_shapes(reference, image)
    if min(reference.shape) < _WINDOW:
        raise InputError(
            f"SSIM needs images of at least {_WINDOW} pixels a side, not {reference.shape}"
        )
    similarity = structural_similarity(
        reference.astype(np.float64),
        image.astype(np.float64),
        data_range=peak,
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
    )
    return float(similarity)


def _check_shapes(reference: NDArray[np.floating], image: NDArray[np.floating]) -> None:
    if reference.shape != image.shape:
        raise InputError(f"images to compare differ in shape: {reference.shape} and {image.shape}")
