"""File formats: their suffixes, and how to recognize them by their first bytes."""

from __future__ import annotations

import re

__all__ = [
    "RASTER_SUFFIXES",
    "TIFF_DIALECTS",
    "TIFF_SUFFIXES",
    "WRITABLE_RASTERS",
    "detect_format",
]

RASTER_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".j2c": "JPEG 2000",
    ".jpx": "JPEG 2000",
    ".webp": "WebP",
    ".avif": "AVIF",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".hdr": "Radiance HDR",
    ".exr": "OpenEXR",
    ".pbm": "PNM",
    ".pgm": "PNM",
    ".ppm": "PNM",
    ".pnm": "PNM",
    ".pfm": "PNM",
}
"""Suffixes of the formats that hold a single picture, and the format that each announces."""

WRITABLE_RASTERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP"}
"""Suffixes of the formats of a single picture that can be written."""

TIFF_SUFFIXES = (".tif", ".tiff")
"""Suffixes of TIFF, OME-TIFF (``.ome.tif``) and ImageJ's TIFF."""

TIFF_DIALECTS = (".btf", ".tf8", ".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff")
"""Suffixes of BigTIFF and of instruments' TIFFs, which can be read."""

_MAGIC = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "JPEG 2000": re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    "WebP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "AVIF": re.compile(rb".{4}ftypavi[fs]", re.DOTALL),
    "GIF": re.compile(rb"GIF8[79]a"),
    # The length of the header, one of six, tells BMP from a text that begins with these letters.
    "BMP": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL),
    "Radiance HDR": re.compile(rb"#\?(?:RADIANCE|RGBE)"),
    "OpenEXR": re.compile(rb"\x76\x2f\x31\x01"),
    "PNM": re.compile(rb"P[1-6Ff]\s"),
    "TIFF": re.compile(rb"II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]"),
    "ZIP": re.compile(rb"PK\x03\x04"),
}
"""What a file of each format begins with, as its specification says."""


def detect_format(head: bytes) -> str | None:
    """Format of a file by its content; a PNG called ``.jpg`` is a PNG.

    Parameters
    ----------
    head : bytes
        The first 32 bytes or more.

    Returns
    -------
    str or None
        One of the values of `RASTER_SUFFIXES`, ``"TIFF"``, ``"ZIP"``, or None.
    """
    return next((name for name, magic in _MAGIC.items() if magic.match(head)), None)
