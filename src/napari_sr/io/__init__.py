"""Files in and out: arrays with their axes, pixel size and units. Layers are made from them."""

from napari_sr.imaging import Channel, SpatialImage
from napari_sr.io._read import READABLE_SUFFIXES, read_image
from napari_sr.io._samples import SAMPLES, Sample, sample_image
from napari_sr.io._write import WRITABLE_SUFFIXES, write_image
from napari_sr.io._zarr_layout import ZarrLayout
from napari_sr.io._zarr_read import read_ome_zarr
from napari_sr.io._zarr_save import write_ome_zarr
from napari_sr.io._zarr_write import OmeZarrWriter

ImageFile = SpatialImage
"""The name of `SpatialImage` before it was shared by all rooms."""

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
    "read_image",
    "read_ome_zarr",
    "sample_image",
    "write_image",
    "write_ome_zarr",
]
