"""TIFF and its dialects: OME-TIFF, ImageJ's TIFF, and what further instruments' TIFFs tell."""

from napari_sr.io.tiff._read import read_tiff
from napari_sr.io.tiff._write import write_tiff

__all__ = ["read_tiff", "write_tiff"]
