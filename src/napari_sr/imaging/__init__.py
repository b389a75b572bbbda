"""Pure array functions: color, intensity, MATLAB's bicubic, axes. No torch, no napari, no files."""

from napari_sr.imaging._axes import (
    ANONYMOUS_AXES,
    Axes,
    axes_from_labels,
    default_axes,
    distinct_axes,
    finer_coordinates,
    finer_grid,
    output_length,
    parse_axes,
)
from napari_sr.imaging._color import bt601_luma, rgb_to_ycbcr, ycbcr_to_rgb
from napari_sr.imaging._inputs import read_input
from napari_sr.imaging._intensity import (
    check_dtype,
    from_unit,
    robust_range,
    to_dtype,
    to_unit,
)
from napari_sr.imaging._resize import cubic, imresize, imresize_uint8, resize_weights
from napari_sr.imaging._spatial_image import Array, Channel, SpatialImage, plane_distance
from napari_sr.imaging._units import PIXEL, unit_ratio

__all__ = [
    "ANONYMOUS_AXES",
    "PIXEL",
    "Array",
    "Axes",
    "Channel",
    "SpatialImage",
    "axes_from_labels",
    "bt601_luma",
    "check_dtype",
    "cubic",
    "default_axes",
    "distinct_axes",
    "finer_coordinates",
    "finer_grid",
    "from_unit",
    "imresize",
    "imresize_uint8",
    "output_length",
    "parse_axes",
    "plane_distance",
    "read_input",
    "resize_weights",
    "rgb_to_ycbcr",
    "robust_range",
    "to_dtype",
    "to_unit",
    "unit_ratio",
    "ycbcr_to_rgb",
]
