"""Files: images are read and written with their axes, pixel size, position, units and channels."""

from napari_sr.imaging import Channel, SpatialImage
from napari_sr.io._napari import read_layers
from napari_sr.io._read import READABLE_SUFFIXES, is_ome_zarr, read_image
from napari_sr.io._samples import SAMPLES, Sample, sample_image
from napari_sr.io._write import WRITABLE_SUFFIXES, write_image
from napari_sr.io.zarr import OmeZarrWriter, ZarrLayout, read_ome_zarr, write_ome_zarr

ImageFile = SpatialImage
"""An image as `read_image` gives it."""

__all__ = [
    "READABLE_SUFFIXES",
    "SAMPLES",
    "WRITABLE_SUFFIXES",
    "Channel",
    "ImageFile",
    "OmeZarrWriter",
    "Sample",
    "SpatialImage",
    "ZarrLayout",
    "is_ome_zarr",
    "read_image",
    "read_layers",
    "read_ome_zarr",
    "sample_image",
    "write_image",
    "write_ome_zarr",
]
