"""Orientation: images that cameras and scanners store turned or mirrored, with a note how to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_sr.imaging import Array

__all__ = ["ORIENTATION_TAG", "UPRIGHT", "swaps_axes", "upright"]

ORIENTATION_TAG = 274
"""Number of the tag in EXIF and in TIFF."""
UPRIGHT = 1
"""The orientation of an image that is shown as it is stored."""


def swaps_axes(orientation: int) -> bool:
    """Whether rows are shown as columns.

    Parameters
    ----------
    orientation : int
        1 to 8, as EXIF and TIFF number them.

    Returns
    -------
    bool
        True for 5 to 8.
    """
    return orientation >= 5


def upright(image: Array, orientation: int, y: int = 0, x: int = 1) -> Array:
    """Turn and mirror an image so that it is shown upright.

    Parameters
    ----------
    image : array
        As stored. A dask array stays lazy.
    orientation : int
        1 to 8, as EXIF and TIFF number them.
    y, x : int
        The dimensions of rows and columns.

    Returns
    -------
    array
        What ``PIL.ImageOps.exif_transpose`` gives, for any dtype and any number of dimensions; contiguous if it is
        in memory. Rows and columns are swapped for 5 to 8.

    References
    ----------
    CIPA DC-008 (EXIF 2.32) and TIFF 6.0, tag 274.
    """
    if swaps_axes(orientation):
        image = image.swapaxes(y, x)
    step = [1] * image.ndim
    step[y] = -1 if orientation in (3, 4, 7, 8) else 1
    step[x] = -1 if orientation in (2, 3, 6, 7) else 1
    image = image[tuple(slice(None, None, each) for each in step)]
    return np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image
