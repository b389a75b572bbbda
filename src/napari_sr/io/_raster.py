"""Formats of pictures: PNG, JPEG, JPEG 2000, WebP, AVIF, GIF, BMP, PNM, Radiance HDR and OpenEXR.

Pixels are decoded by imagecodecs where it keeps more than others do (16-bit alpha, precise errors), else by OpenCV;
they are encoded by Pillow, except for PNG of 16 bits, which Pillow knows in gray only. No value is clipped to fit.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._files import write_bytes
from napari_sr._text import error_line
from napari_sr.errors import FileReadError, FileWriteError
from napari_sr.imaging import PIXEL, SpatialImage
from napari_sr.io._formats import RASTER_SUFFIXES, detect_format
from napari_sr.io._headers import PNG_XMP, Header, pillow_plugin, read_header
from napari_sr.io._limits import check_fits
from napari_sr.io._orientation import UPRIGHT, swaps_axes, upright
from napari_sr.io._photo import (
    EXIF,
    EXIF_PREFIX,
    ICC_PROFILE,
    XMP,
    density_metadata,
    fitting_profile,
    picture_options,
)
from napari_sr.io._remarks import REMARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

__all__ = ["read_raster", "write_raster"]

JPEG_QUALITY = 95
"""Of JPEG unless another is asked for; above it files grow much faster than errors shrink."""

DENSITIES = {"JPEG": (10, 65535), "PNG": (10, 5e7)}
"""Dots per inch that a format can store, as whole numbers of 16 bits per inch and of 31 bits per meter, with an error
below 5 %."""

LARGEST = {"PNG": 2**31 - 1, "JPEG": 65535, "WebP": 16383}
"""Most pixels along one side, as each format stores lengths."""


def read_raster(path: Path, max_bytes: int | None = None) -> SpatialImage:
    """Read a file of one of the formats that hold a single picture.

    Parameters
    ----------
    path : Path
        The format is recognized by the content, not by the suffix.
    max_bytes : int, optional
        Most bytes that the decoded picture may take; by default half of the free memory.

    Returns
    -------
    SpatialImage
        Axes YX or YXS, with T before for the frames of an animation; uint8, uint16 or float32 as stored. Gray stays
        gray; colors are RGB or RGBA. The picture is turned upright. ``metadata`` has ``"icc_profile"``, ``"exif"`` and
        ``"xmp"`` (bytes), and ``"print_size"`` (height and width in inches) for densities of printers; densities of
        instruments give the pixel size.

    Raises
    ------
    FileReadError
        If the file is missing, truncated, damaged, too large, or not a picture.
    """
    coded = _read_bytes(path)
    header = _checked_header(path, coded)
    check_fits(path, (header.height, header.width, header.samples), header.nbytes, max_bytes)
    # Decoders fill the missing part of a truncated JPEG with gray.
    if header.format == "JPEG" and coded.find(_END_OF_JPEG, header.pixels_at) < 0:
        raise FileReadError(f"{path.name}: truncated JPEG; copy or export it again")
    seconds = None
    if header.frames > 1 or header.format == "GIF":
        image, seconds = _decode_frames(path, header, coded)
    else:
        image = _gray_or_rgb(_decode(path, header, coded))
    axes = "T" * (header.frames > 1) + "YX"
    axes += "S" * (image.ndim > len(axes))
    remarks: list[str] = []
    if header.largest_value not in (0, 255, 65535):
        image = _whole_range(image, header.largest_value, text=coded[1:2] in b"23")
        remarks.append(
            f"{path.name}: its values of 0 to {header.largest_value} are read as 0 to {np.iinfo(image.dtype).max}"
        )
    if header.orientation != UPRIGHT:
        image = upright(image, header.orientation, axes.index("Y"), axes.index("X"))
    profile = fitting_profile(header.icc_profile, gray="S" not in axes)
    if header.icc_profile and (profile is None or header.color_model):
        remarks.append(f"{path.name}: its color profile is for other colors and is left out")
        profile = None
    dots = header.dots
    if dots is not None and swaps_axes(header.orientation):
        dots = dots[::-1]
    sizes, further = density_metadata(
        (image.shape[axes.index("Y")], image.shape[axes.index("X")]), dots
    )
    further |= {ICC_PROFILE: profile, EXIF: header.exif, XMP: header.xmp, REMARKS: tuple(remarks)}
    known = {"T": (seconds, "second")} if seconds else {}
    if sizes is not None:
        known |= {"Y": (sizes[0], "micrometer"), "X": (sizes[1], "micrometer")}
    return SpatialImage(
        image,
        axes,
        scale=tuple(known.get(axis, (1.0, PIXEL))[0] for axis in axes),
        units=tuple(known.get(axis, (1.0, PIXEL))[1] for axis in axes),
        name=path.stem,
        metadata={
            "format": header.format,
            **{key: value for key, value in further.items() if value},
        },
    )


def write_raster(
    path: Path, format: str, image: SpatialImage, *, quality: int | None = None
) -> None:
    """Write a picture.

    Parameters
    ----------
    path : Path
        The target, replaced atomically.
    format : {"PNG", "JPEG", "WebP"}
        How to encode it.
    image : SpatialImage
        Axes YX or YXS. Gray, RGB or RGBA; uint8, bool (as 0 and 255), or for PNG uint16. Its color profile, EXIF, XMP
        and density are kept.
    quality : int, optional
        1 to 100, for JPEG (by default 95) and WebP (by default lossless).

    Raises
    ------
    FileWriteError
        If the format cannot hold the image (the message names one that can), or the target cannot be written.
    """
    pixels = _fitting(path, format, np.asarray(image.data))
    options = picture_options(image, gray=pixels.ndim == 2)
    low, high = DENSITIES.get(format, (0, 0))
    if not all(low <= dots <= high for dots in options.get("dpi", ())):
        del options["dpi"]
    if pixels.dtype == np.uint16:
        coded = _encode_deep_png(pixels, options)
    else:
        coded = _encode(format, pixels, quality, options)
    write_bytes(path, coded)


_END_OF_JPEG = b"\xff\xd9"
"""JPEG's marker for the end of the image."""


def _read_bytes(path: Path) -> bytes:
    try:
        coded = path.read_bytes()
    except OSError as error:
        raise FileReadError(f"{path}: {error.strerror or error}") from error
    if not coded:
        raise FileReadError(f"{path.name}: the file is empty")
    return coded


def _checked_header(path: Path, coded: bytes) -> Header:
    found = detect_format(coded[:32])
    if found is None:
        announced = RASTER_SUFFIXES.get(path.suffix.lower(), "a known image format")
        raise FileReadError(
            f"{path.name}: the content is not {announced}, nor another known format"
        )
    header = read_header(coded)
    if header is None:
        raise FileReadError(f"{path.name}: the {found} header is damaged or cut off")
    return header


def _decode(path: Path, header: Header, coded: bytes) -> NDArray[Any]:
    decode = _DECODERS.get(header.format, _decode_opencv)
    try:
        image = decode(coded)
    except FileReadError as error:
        raise FileReadError(f"{path.name}: {error}") from error
    except (RuntimeError, ValueError) as error:  # imagecodecs' errors derive from RuntimeError
        raise FileReadError(
            f"{path.name}: truncated or damaged {header.format} ({error_line(error)})"
        ) from error
    if image.size == 0 or image.ndim not in (2, 3):
        raise FileReadError(f"{path.name}: the {header.format} file does not hold a single picture")
    return image


def _decode_frames(path: Path, header: Header, coded: bytes) -> tuple[NDArray[Any], float | None]:
    """All frames of an animation, as each is shown, and the seconds between them if these are equal."""
    from PIL import ImageSequence

    try:
        image = pillow_plugin(header.format)(io.BytesIO(coded))
        frames, durations = [], set()
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGBA")))
            durations.add(frame.info.get("duration", 0))
    except Exception as error:  # Pillow meets damaged bytes with errors of many kinds
        raise FileReadError(
            f"{path.name}: truncated or damaged {header.format} ({error_line(error)})"
        ) from error
    shown = np.stack(frames) if header.frames > 1 else frames[0]
    if (shown[..., 3] == 255).all():
        shown = shown[..., :3]
        if header.format == "GIF" and (np.ptp(shown, axis=-1) == 0).all():
            shown = shown[..., 0]  # GIF has colors only; gray is a palette of grays
    even = durations.pop() / 1000 if len(durations) == 1 else 0.0
    return np.ascontiguousarray(shown), even or None


def _gray_or_rgb(image: NDArray[Any]) -> NDArray[Any]:
    """Gray as (Y, X); gray with alpha as RGBA, since viewers do not know pixels of two samples."""
    if image.ndim == 3 and image.shape[2] == 1:
        return image[..., 0]
    if image.ndim == 3 and image.shape[2] == 2:
        return image[..., [0, 0, 0, 1]]
    return image


def _whole_range(image: NDArray[Any], largest: int, *, text: bool) -> NDArray[Any]:
    """Values of PNM, which are fractions of the largest one, over the whole range of their type."""
    if text and largest < 256:
        return image  # OpenCV has done so
    whole = np.iinfo(image.dtype).max
    scaled = np.rint(np.minimum(image, largest) * (whole / largest))
    return np.asarray(scaled.astype(image.dtype))


def _decode_jpeg(coded: bytes) -> NDArray[Any]:
    try:
        return _decode_opencv(coded)
    except ValueError:  # OpenCV knows 8 bits and no lossless JPEG
        return _decode_imagecodecs("jpeg_decode")(coded)


def _decode_pnm(coded: bytes) -> NDArray[Any]:
    # OpenCV wants something to follow the last number of a text.
    return _decode_opencv(coded + b"\n" if coded[1:2] in b"123" else coded)


def _decode_imagecodecs(name: str) -> Callable[[bytes], NDArray[Any]]:
    def decode(coded: bytes) -> NDArray[Any]:
        import imagecodecs

        return np.asarray(getattr(imagecodecs, name)(coded))

    return decode


def _decode_opencv(coded: bytes) -> NDArray[Any]:
    cv2 = _opencv()
    with _quiet(cv2):
        try:
            image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise ValueError(error.err) from error
    if image is None:
        raise ValueError("OpenCV cannot decode it")
    if image.ndim == 3:
        order = [2, 1, 0, 3][: image.shape[2]]
        image = image[..., order]
    return np.asarray(image)


def _decode_exr(coded: bytes) -> NDArray[Any]:
    if re.search(r"OpenEXR:\s+NO", _opencv().getBuildInformation()):
        raise FileReadError(
            "this OpenCV was built without OpenEXR; save the image as float TIFF or Radiance HDR"
        )
    return _decode_opencv(coded)


def _opencv() -> ModuleType:
    # OpenCV reads this when it is first imported; builds that have OpenEXR keep it switched off.
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    import cv2

    return cv2


@contextmanager
def _quiet(cv2: ModuleType) -> Iterator[None]:
    """Keep OpenCV from printing errors that are raised as well."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


_DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    "PNG": _decode_imagecodecs("png_decode"),
    "JPEG": _decode_jpeg,
    "PNM": _decode_pnm,
    "JPEG 2000": _decode_imagecodecs("jpeg2k_decode"),
    "WebP": _decode_imagecodecs("webp_decode"),
    "AVIF": _decode_imagecodecs("avif_decode"),
    "OpenEXR": _decode_exr,
}
"""Decoders other than OpenCV's."""


def _fitting(path: Path, format: str, image: NDArray[Any]) -> NDArray[Any]:
    """The image as the format can hold it."""
    if image.dtype == bool:
        image = image.astype(np.uint8) * np.uint8(255)
    fitting = (np.uint8, np.uint16) if format == "PNG" else (np.uint8,)
    if image.dtype not in fitting:
        bits = "8 or 16" if format == "PNG" else "8"
        fits = ".png or .tif" if image.dtype == np.uint16 else ".tif"
        raise FileWriteError(
            f"{path.name}: {format} holds {bits} bits a value, not {image.dtype}; save as {fits}"
        )
    if max(image.shape[:2]) > LARGEST[format]:
        raise FileWriteError(
            f"{path.name}: {format} ends at {LARGEST[format]} pixels a side, "
            f"this image has {image.shape[1]} x {image.shape[0]}; save as .tif or .ome.zarr"
        )
    if format == "JPEG" and image.ndim == 3 and image.shape[2] == 4:
        if (image[..., 3] != 255).any():
            raise FileWriteError(
                f"{path.name}: JPEG has no transparency; save as .png, .webp or .tif"
            )
        image = image[..., :3]
    return np.ascontiguousarray(image)


def _encode(
    format: str, image: NDArray[Any], quality: int | None, options: dict[str, Any]
) -> bytes:
    """A picture of 8 bits in one of the formats."""
    from PIL import Image, PngImagePlugin

    if format == "PNG" and "xmp" in options:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp"))
    elif format == "JPEG":
        # Colors at full resolution: at half of it, which is usual, some of what upscaling has gained would be lost.
        options |= {"quality": quality or JPEG_QUALITY, "subsampling": "4:4:4"}
    elif format == "WebP":
        # "exact" keeps the colors of fully transparent pixels, which are a part of the image's values.
        options |= {"quality": quality} if quality else {"lossless": True, "exact": True}
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format, **options)
    return stream.getvalue()


def _encode_deep_png(image: NDArray[Any], options: Mapping[str, Any]) -> bytes:
    """PNG of 16 bits per value."""
    import imagecodecs
    from PIL.PngImagePlugin import putchunk

    coded = bytes(imagecodecs.png_encode(image))
    further = io.BytesIO()
    if profile := options.get(ICC_PROFILE):
        putchunk(further, b"iCCP", b"icc\0\0" + zlib.compress(profile))
    if dots := options.get("dpi"):
        per_meter = b"".join(round(each / 0.0254).to_bytes(4, "big") for each in dots)
        putchunk(further, b"pHYs", per_meter + b"\1")
    if exif := options.get(EXIF):
        putchunk(further, b"eXIf", exif.removeprefix(EXIF_PREFIX))
    if xmp := options.get(XMP):
        putchunk(further, b"iTXt", PNG_XMP + xmp)
    return coded[:_PNG_HEAD] + further.getvalue() + coded[_PNG_HEAD:]


_PNG_HEAD = 33
"""Bytes of PNG's signature and first chunk, behind which a color profile must stand."""
