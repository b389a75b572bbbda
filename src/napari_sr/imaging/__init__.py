"""Pure array functions: colour, intensity, MATLAB's bicubic, axes. No torch, no napari, no files."""

from napari_sr.imaging._colour import bt601_luma, rgb_to_ycbcr, ycbcr_to_rgb
from napari_sr.imaging._resize import cubic, imresize, imresize_uint8, resize_weights

__all__ = [
    "bt601_luma",
    "cubic",
    "imresize",
    "imresize_uint8",
    "resize_weights",
    "rgb_to_ycbcr",
    "ycbcr_to_rgb",
]
