"""Headers of pictures: size, orientation and color profile, known before a pixel is decoded.

Pillow parses them where it can. PNG is the exception: Pillow finds what stands behind the pixels only by decoding
them, and refuses profiles of more than 1 MiB. It does not know Radiance HDR, OpenEXR and maps of color floats at all.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from contextlib import suppress
from dataclasses import dataclass
from struct import error as StructError
from struct import unpack_from
from typing import TYPE_CHECKING, Any

from napari_sr.io._formats import detect_format
from napari_sr.io._orientation import ORIENTATION_TAG, UPRIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Header", "read_header"]

LONGEST_PROFILE = 32 * 2**20
"""Bytes of a color profile. The longest ones, of printers, take a few MiB; a small file can announce far more."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a coded picture says of itself."""

    format: str
    """Name of the format, such as ``"PNG"``."""
    height: int
    width: int
    samples: int
    """Values per pixel, at most."""
    itemsize: int
    """Bytes per value once decoded, at most."""
    orientation: int = UPRIGHT
    """How a camera was held, 1 to 8 as EXIF numbers it."""
    icc_profile: bytes | None = None
    """What the colors mean."""
    pixels_at: int = 0
    """Where the pixels of a JPEG begin; what comes before may contain a thumbnail."""

    @property
    def nbytes(self) -> int:
        """Bytes that the decoded picture takes, at most."""
        return self.height * self.width * self.samples * self.itemsize


def read_header(coded: bytes) -> Header | None:
    """Parse the header of a coded picture.

    Parameters
    ----------
    coded : bytes
        The whole file.

    Returns
    -------
    Header or None
        None where the format is not one of a single picture, or the header is damaged.
    """
    name = detect_format(coded[:32])
    if name is None or name not in _PARSERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow's, about damaged EXIF blocks, which are of no use then
            header = _PARSERS[name](coded)
    except Exception:  # Pillow meets damaged bytes with errors of many kinds
        return None
    return header if header.height > 0 and header.width > 0 else None


def _png(coded: bytes) -> Header:
    width, height, bits, color = unpack_from(">IIBB", coded, 16)
    samples = {0: 1, 2: 3}.get(color, 4)  # palettes, and gray with alpha, are decoded to RGBA
    profile, orientation = None, UPRIGHT
    for kind, content in _png_chunks(coded):
        if kind == b"iCCP":
            profile = _inflated(content.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            orientation = _exif_orientation(content)
    itemsize = 2 if bits == 16 else 1
    return Header("PNG", height, width, samples, itemsize, orientation, profile)


def _png_chunks(coded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk but those of pixels, as far as the file goes."""
    at = 8
    with suppress(StructError):
        while at < len(coded):
            length, kind = unpack_from(">I4s", coded, at)
            if kind != b"IDAT":
                yield kind, coded[at + 8 : at + 8 + length]
            at += 12 + length


def _inflated(packed: bytes) -> bytes | None:
    """A compressed color profile; None if it is damaged or absurdly long."""
    inflate = zlib.decompressobj()
    with suppress(zlib.error):
        profile = inflate.decompress(packed, LONGEST_PROFILE)
        return profile if inflate.eof else None
    return None


def _pillow(name: str, itemsize: int) -> Callable[[bytes], Header]:
    """Parser of a format that Pillow knows."""

    def parse(coded: bytes) -> Header:
        stream = io.BytesIO(coded)
        image = _pillow_plugin(name)(stream)
        width, height = image.size
        return Header(
            name,
            height,
            width,
            1 if image.mode in _GRAY_MODES else 4,
            4 if image.mode == "F" else itemsize,
            _exif_orientation(image.info.get("exif", b"")),
            image.info.get("icc_profile"),
            stream.tell(),
        )

    return parse


def _pillow_plugin(name: str) -> Any:
    # Not PIL.Image.open: it refuses images of more than 179 megapixels, which slide scanners exceed. How much may be
    # read depends on free memory here. The plugins are documented as classes that take a file.
    from PIL import (
        BmpImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PpmImagePlugin,
        WebPImagePlugin,
    )

    return {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "PNM": PpmImagePlugin.PpmImageFile,
    }[name]


def _exif_orientation(exif: bytes) -> int:
    """Orientation from an EXIF block; upright where it gives none, or is damaged."""
    from PIL import Image

    block = Image.Exif()
    try:
        block.load(exif)
        orientation = block.get(ORIENTATION_TAG, UPRIGHT)
    except Exception:  # as above
        return UPRIGHT
    return orientation if orientation in range(1, 9) else UPRIGHT


def _pnm(coded: bytes) -> Header:
    if floats := re.match(
        rb"PF\s+(\d+)\s+(\d+)\s", coded[:4096]
    ):  # in color; Pillow knows gray ones
        return Header("PNM", int(floats[2]), int(floats[1]), 3, 4)
    return _pillow("PNM", 2)(coded)


def _radiance(coded: bytes) -> Header:
    found = re.search(rb"\n[-+]([XY]) +(\d+) +[-+]([XY]) +(\d+)", coded[:65536])
    if not found:
        raise ValueError("no resolution line")
    size = {found[1]: int(found[2]), found[3]: int(found[4])}
    return Header("Radiance HDR", size[b"Y"], size[b"X"], 3, 4)


def _openexr(coded: bytes) -> Header:
    at = coded.index(b"dataWindow\0box2i\0") + 21
    x0, y0, x1, y1 = unpack_from("<iiii", coded, at)
    return Header("OpenEXR", y1 - y0 + 1, x1 - x0 + 1, 4, 4)


_GRAY_MODES = ("1", "L", "I", "I;16", "I;16B", "F")
"""Pillow's modes of one value per pixel; palettes are decoded to RGB(A)."""

_PARSERS: dict[str, Callable[[bytes], Header]] = {
    "PNG": _png,
    "JPEG": _pillow("JPEG", 1),
    "JPEG 2000": _pillow("JPEG 2000", 2),  # Pillow does not tell 8 bits from 16 in color
    "WebP": _pillow("WebP", 1),
    "BMP": _pillow("BMP", 1),
    "PNM": _pnm,
    "Radiance HDR": _radiance,
    "OpenEXR": _openexr,
}
