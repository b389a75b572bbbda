"""What a file is, and how large its image, from its first bytes: asked before a pixel is decoded.

The name of a file does not matter here, so a PNG called ``.jpg`` is a PNG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from struct import error as StructError
from struct import unpack_from
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Header:
    """Size of a coded image, as its header tells."""

    format: str
    """Name of the format, such as ``"PNG"``."""
    height: int
    width: int
    samples: int
    """Values per pixel, at most."""
    itemsize: int
    """Bytes per value once decoded."""

    @property
    def nbytes(self) -> int:
        """Bytes that the decoded image takes."""
        return self.height * self.width * self.samples * self.itemsize


def sniff(head: bytes) -> str | None:
    """Name of the format that a file's first bytes announce.

    Parameters
    ----------
    head : bytes
        The first 16 bytes or more.

    Returns
    -------
    str or None
        ``"PNG"``, ``"JPEG"``, ``"JPEG 2000"``, ``"WebP"``, ``"BMP"``, ``"Radiance HDR"``,
        ``"OpenEXR"``, ``"PNM"``, ``"TIFF"``, or None.
    """
    return next((name for name, magic in _MAGIC.items() if magic.match(head)), None)


def read_header(coded: bytes) -> Header | None:
    """Size of a coded image.

    Parameters
    ----------
    coded : bytes
        The whole file.

    Returns
    -------
    Header or None
        None where the format is not one of `sniff`'s raster formats (TIFF included, which has its
        own reader) or the header is damaged.
    """
    name = sniff(coded[:32])
    if name is None or name not in _PARSERS:
        return None
    try:
        height, width, samples, itemsize = _PARSERS[name](coded)
    except (StructError, ValueError, IndexError):
        return None
    if height <= 0 or width <= 0:
        return None
    return Header(name, height, width, samples, itemsize)


def jpeg_segments(coded: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk through the segments of a JPEG, up to its first scan.

    Parameters
    ----------
    coded : bytes
        The whole file.

    Yields
    ------
    marker, start, end : int
        Second byte of the marker, and where the segment's content lies. The last is 0xDA, the
        start of scan, after which pixels follow; it is missing in a file cut off before.
    """
    at, marker = 2, 0
    while marker != 0xDA and coded[at : at + 1] == b"\xff" and at + 4 <= len(coded):
        marker, length = unpack_from(">xBH", coded, at)
        if marker == 0xFF:  # any number of fill bytes may precede a marker
            at += 1
            continue
        yield marker, at + 4, at + 2 + length
        at += 2 + length


Size = tuple[int, int, int, int]


def _png(coded: bytes) -> Size:
    width, height, bits, color = unpack_from(">IIBB", coded, 16)
    samples = {0: 1, 2: 3}.get(color, 4)  # palettes and grey with alpha come out as RGBA
    return height, width, samples, 2 if bits == 16 else 1


def _jpeg(coded: bytes) -> Size:
    for marker, start, _ in jpeg_segments(coded):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, samples = unpack_from(">BHHB", coded, start)
            return height, width, samples, 1 if bits == 8 else 2
    raise ValueError("no frame header")


def _jpeg2000(coded: bytes) -> Size:
    at = coded.index(b"\xff\x4f\xff\x51")  # start of codestream, then the SIZ marker
    x1, y1, x0, y0 = unpack_from(">IIII", coded, at + 8)
    samples, precision = unpack_from(">HB", coded, at + 40)
    return y1 - y0, x1 - x0, samples, 1 if (precision & 0x7F) < 8 else 2


def _webp(coded: bytes) -> Size:
    kind = coded[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(coded[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        (bits,) = unpack_from("<I", coded, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (n & 0x3FFF for n in unpack_from("<HH", coded, 26))
    return height, width, 4, 1


def _bmp(coded: bytes) -> Size:
    (header,) = unpack_from("<I", coded, 14)
    width, height = unpack_from("<HH" if header == 12 else "<ii", coded, 18)
    return abs(height), width, 4, 1


def _hdr(coded: bytes) -> Size:
    found = re.search(rb"\n[-+]([XY]) +(\d+) +[-+]([XY]) +(\d+)", coded[:65536])
    if not found:
        raise ValueError("no resolution line")
    size = {found[1]: int(found[2]), found[3]: int(found[4])}
    return size[b"Y"], size[b"X"], 3, 4


def _pnm(coded: bytes) -> Size:
    text = re.sub(rb"#[^\n]*", b"", coded[:4096])
    kind, width, height, top = text.split(maxsplit=4)[:4]
    samples = 3 if kind in (b"P3", b"P6", b"PF") else 1
    itemsize = 4 if kind in (b"PF", b"Pf") else 2 if kind in _GREYMAPS and int(top) > 255 else 1
    return int(height), int(width), samples, itemsize


def _exr(coded: bytes) -> Size:
    at = coded.index(b"dataWindow\0box2i\0") + 21
    x0, y0, x1, y1 = unpack_from("<iiii", coded, at)
    return y1 - y0 + 1, x1 - x0 + 1, 4, 4


_GREYMAPS = (b"P2", b"P3", b"P5", b"P6")
_PARSERS: dict[str, Callable[[bytes], Size]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "JPEG 2000": _jpeg2000,
    "WebP": _webp,
    "BMP": _bmp,
    "Radiance HDR": _hdr,
    "PNM": _pnm,
    "OpenEXR": _exr,
}
_MAGIC = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "JPEG 2000": re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    "WebP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL),
    "Radiance HDR": re.compile(rb"#\?(?:RADIANCE|RGBE)"),
    "OpenEXR": re.compile(rb"\x76\x2f\x31\x01"),
    "PNM": re.compile(rb"P[1-6Ff]\s"),
    "TIFF": re.compile(rb"II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]"),
}
RASTER_SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".webp": "WebP",
    ".bmp": "BMP",
    ".hdr": "Radiance HDR",
    ".exr": "OpenEXR",
    ".pgm": "PNM",
    ".ppm": "PNM",
    ".pfm": "PNM",
}
"""Suffixes of the one-image formats, and the format that each promises."""
TIFF_SUFFIXES = (".tif", ".tiff")
"""Suffixes of TIFF, OME-TIFF (``.ome.tif``) and ImageJ's TIFF."""
