"""Pure array functions: color, intensity, MATLAB's bicubic, axes. No torch, no napari, no files."""

from napari_sr.imaging._axes import Axes, default_axes, parse_axes
from napari_sr.imaging._color import bt601_luma, rgb_to_ycbcr, ycbcr_to_rgb
from napari_sr.imaging._intensity import (
    check_dtype,
    from_unit,
    robust_range,
    to_dtype,
    to_unit,
)
from napari_sr.imaging._resize import cubic, imresize, imresize_uint8, resize_weights

__all__ = [
    "Axes",
    "bt601_luma",
    "check_dtype",
    "cubic",
    "default_axes",
    "from_unit",
    "imresize",
    "imresize_uint8",
    "parse_axes",
    "resize_weights",
    "rgb_to_ycbcr",
    "robust_range",
    "to_dtype",
    "to_unit",
    "ycbcr_to_rgb",
]
