"""Headers of pictures: size, orientation and color profile, known before a pixel is decoded.

Pillow parses them where it can. It does not know Radiance HDR, OpenEXR and color floats in PNM, and of PNG it finds
what stands behind the pixels only by decoding them, and refuses profiles of more than 1 MiB.
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
from napari_sr.io._orientation import UPRIGHT
from napari_sr.io._photo import exif_orientation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["PNG_XMP", "Header", "pillow_plugin", "read_header"]

LONGEST_PROFILE = 32 * 2**20
"""Bytes of a color profile. The longest ones, of printers, take a few MiB; a small file can announce far more."""

PNG_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"
"""What precedes XMP in a text chunk of PNG: its name, and that it is neither compressed nor translated."""


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
    exif: bytes | None = None
    """What the camera noted."""
    xmp: bytes | None = None
    """What editors noted."""
    dots: tuple[float, float] | None = None
    """Dots per inch along Y and X."""
    color_model: str = ""
    """``"CMYK"`` where the decoder converts such colors to RGB; else empty."""
    pixels_at: int = 0
    """Where the pixels of a JPEG begin; what comes before may contain a thumbnail."""
    largest_value: int = 0
    """Value of PNM that means white; 0 in other formats."""
    frames: int = 1
    """Pictures of an animation."""

    @property
    def nbytes(self) -> int:
        """Bytes that the decoded picture takes, at most."""
        return self.frames * self.height * self.width * self.samples * self.itemsize


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
    found: dict[str, Any] = {}
    for kind, content in _png_chunks(coded):
        if kind == b"iCCP":
            found["icc_profile"] = _inflated(content.partition(b"\0")[2][1:])
        elif kind == b"eXIf":
            found |= {"exif": content, "orientation": exif_orientation(content)}
        elif kind == b"iTXt" and content.startswith(PNG_XMP):
            found["xmp"] = content.removeprefix(PNG_XMP)
        elif kind == b"acTL":
            (found["frames"],) = unpack_from(">I", content)
        elif kind == b"pHYs" and len(content) == 9:
            x, y, unit = unpack_from(">IIB", content)
            if unit == 1 and x and y:  # dots per meter
                found["dots"] = (y * 0.0254, x * 0.0254)
    return Header("PNG", height, width, samples, 2 if bits == 16 else 1, **found)


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
        image = pillow_plugin(name)(stream)
        width, height = image.size
        exif = image.info.get("exif")
        return Header(
            name,
            height,
            width,
            1 if image.mode in _GRAY_MODES else 4,
            itemsize,
            orientation=exif_orientation(exif or b""),
            icc_profile=image.info.get("icc_profile"),
            exif=exif,
            xmp=image.info.get("xmp"),
            dots=_dots(image.info),
            color_model=image.mode if image.mode == "CMYK" else "",
            pixels_at=stream.tell(),
            frames=getattr(image, "n_frames", 1),
        )

    return parse


def _dots(info: Mapping[str, Any]) -> tuple[float, float] | None:
    """Dots per inch along Y and X, unless Pillow made them up, as it does for EXIF without any."""
    if "dpi" not in info or (info.get("jfif_unit") not in (1, 2) and info["dpi"] == (72, 72)):
        return None
    x, y = map(float, info["dpi"])
    return (y, x) if x > 0 and y > 0 else None


def _jpeg(coded: bytes) -> Header:
    try:
        return _pillow("JPEG", 1)(coded)
    except SyntaxError:  # Pillow knows 8 bits only
        from tifffile.tifffile import jpeg_shape

        _, height, width, samples = jpeg_shape(coded)
        return Header("JPEG", height, width, samples, 2, pixels_at=coded.index(b"\xff\xda"))


def pillow_plugin(name: str) -> Any:
    """Pillow's class that opens a format.

    Parameters
    ----------
    name : str
        One of the formats that Pillow knows.

    Returns
    -------
    type
        Takes a file. Unlike ``PIL.Image.open`` it accepts images of more than 179 megapixels, which slide scanners
        make; how much may be read depends on free memory here.
    """
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        Jpeg2KImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        WebPImagePlugin,
    )

    return {
        "AVIF": AvifImagePlugin.AvifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
    }[name]


def _pnm(coded: bytes) -> Header:
    text = re.sub(rb"#[^\n]*", b"", coded[:4096])
    kind, width, height, largest = text.split(maxsplit=4)[:4]
    samples = 3 if kind in (b"P3", b"P6", b"PF") else 1
    if kind in (b"PF", b"Pf"):
        return Header("PNM", int(height), int(width), samples, 4)
    top = 255 if kind in (b"P1", b"P4") else int(largest)  # bitmaps are decoded to black and white
    if not 0 < top < 65536:
        raise ValueError("no largest value")
    itemsize = 2 if top > 255 else 1
    return Header("PNM", int(height), int(width), samples, itemsize, largest_value=top)


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


_GRAY_MODES = ("1", "L", "I", "I;16")
"""Pillow's modes of one value per pixel; palettes are decoded to RGB(A)."""

_PARSERS: dict[str, Callable[[bytes], Header]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "JPEG 2000": _pillow("JPEG 2000", 2),  # Pillow does not tell 8 bits from more in color
    "WebP": _pillow("WebP", 1),
    "AVIF": _pillow("AVIF", 2),
    "GIF": _pillow("GIF", 1),
    "BMP": _pillow("BMP", 1),
    "PNM": _pnm,
    "Radiance HDR": _radiance,
    "OpenEXR": _openexr,
}
