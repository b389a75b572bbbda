"""Color as super-resolution papers measure it: BT.601, studio swing, as MATLAB's ``rgb2ycbcr``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TO_YCBCR = (
    np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
    / 255
)
_OFFSET = np.array([16.0, 128.0, 128.0]) / 255
_TO_RGB = np.linalg.inv(_TO_YCBCR)


def bt601_luma(rgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luma of gamma-encoded RGB, studio swing, as super-resolution papers measure it.

    Parameters
    ----------
    rgb : array, shape (..., 3)
        Values in [0, 1].

    Returns
    -------
    array, shape (...)
        Values in [16/255, 235/255], in the floating type of ``rgb``.

    References
    ----------
    ITU-R BT.601-7, section 2.5; MATLAB ``rgb2ycbcr``.
    """
    luma: NDArray[np.floating] = rgb @ _TO_YCBCR[0].astype(rgb.dtype)
    return luma + rgb.dtype.type(_OFFSET[0])


def rgb_to_ycbcr(rgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luma and color differences of gamma-encoded RGB, studio swing.

    Parameters
    ----------
    rgb : array, shape (..., 3)
        Values in [0, 1].

    Returns
    -------
    array, shape (..., 3)
        Y in [16/255, 235/255], Cb and Cr in [16/255, 240/255].

    References
    ----------
    ITU-R BT.601-7; MATLAB ``rgb2ycbcr``.
    """
    return rgb @ _TO_YCBCR.T.astype(rgb.dtype) + _OFFSET.astype(rgb.dtype)


def ycbcr_to_rgb(ycbcr: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inverse of `rgb_to_ycbcr`, exact to rounding; nothing is clipped.

    Parameters
    ----------
    ycbcr : array, shape (..., 3)
        As `rgb_to_ycbcr` returns it.

    Returns
    -------
    array, shape (..., 3)
        RGB, in [0, 1] where the color exists.
    """
    return (ycbcr - _OFFSET.astype(ycbcr.dtype)) @ _TO_RGB.T.astype(ycbcr.dtype)
