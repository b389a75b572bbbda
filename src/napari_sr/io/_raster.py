"""Formats of a single picture: PNG, JPEG, JPEG 2000, WebP, BMP, PNM, Radiance HDR and OpenEXR.

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
from napari_sr.imaging import SpatialImage
from napari_sr.io._formats import RASTER_SUFFIXES, detect_format
from napari_sr.io._headers import Header, read_header
from napari_sr.io._limits import check_fits
from napari_sr.io._orientation import upright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

__all__ = ["read_raster", "write_raster"]

JPEG_QUALITY = 95
"""Of JPEG unless another is asked for; above it files grow much faster than errors shrink."""

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
        Axes YX or YXS, uint8, uint16 or float32 as stored. Gray stays gray; colors are RGB or RGBA. The picture is
        turned upright. An ICC profile is kept in ``metadata["icc_profile"]``.

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
    image = upright(_gray_or_rgb(_decode(path, header, coded)), header.orientation)
    profile = {"icc_profile": header.icc_profile} if header.icc_profile else {}
    return SpatialImage(
        image,
        "YX" if image.ndim == 2 else "YXS",
        name=path.stem,
        metadata={"format": header.format, **profile},
    )


def write_raster(
    path: Path,
    format: str,
    image: NDArray[Any],
    *,
    quality: int | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Write a picture.

    Parameters
    ----------
    path : Path
        The target, replaced atomically.
    format : {"PNG", "JPEG", "WebP"}
        How to encode it.
    image : array, shape (Y, X), (Y, X, 3) or (Y, X, 4)
        Gray, RGB or RGBA; uint8, bool (as 0 and 255), or for PNG uint16.
    quality : int, optional
        1 to 100, for JPEG (by default 95) and WebP (by default lossless).
    icc_profile : bytes, optional
        What the colors mean.

    Raises
    ------
    FileWriteError
        If the format cannot hold the image (the message names one that can), or the target cannot be written.
    """
    image = _fitting(path, format, image)
    if image.dtype == np.uint16:
        coded = _encode_deep_png(image, icc_profile)
    else:
        coded = _encode(format, image, quality, icc_profile)
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


def _gray_or_rgb(image: NDArray[Any]) -> NDArray[Any]:
    """Gray as (Y, X); gray with alpha as RGBA, since viewers do not know pixels of two samples."""
    if image.ndim == 3 and image.shape[2] == 1:
        return image[..., 0]
    if image.ndim == 3 and image.shape[2] == 2:
        return image[..., [0, 0, 0, 1]]
    return image


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
    "JPEG 2000": _decode_imagecodecs("jpeg2k_decode"),
    "WebP": _decode_imagecodecs("webp_decode"),
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
    format: str, image: NDArray[Any], quality: int | None, icc_profile: bytes | None
) -> bytes:
    from PIL import Image

    options: dict[str, Any] = {"icc_profile": icc_profile}
    if format == "JPEG":
        # Colors at full resolution: at half of it, which is usual, some of what upscaling has gained would be lost.
        options |= {"quality": quality or JPEG_QUALITY, "subsampling": "4:4:4"}
    elif format == "WebP":
        # "exact" keeps the colors of fully transparent pixels, which are a part of the image's values.
        options |= {"quality": quality} if quality else {"lossless": True, "exact": True}
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format, **options)
    return stream.getvalue()


def _encode_deep_png(image: NDArray[Any], icc_profile: bytes | None) -> bytes:
    """PNG of 16 bits per value."""
    import imagecodecs
    from PIL.PngImagePlugin import putchunk

    coded = bytes(imagecodecs.png_encode(image))
    head, rest = coded[:_PNG_HEAD], coded[_PNG_HEAD:]
    further = io.BytesIO()
    if icc_profile is not None:
        putchunk(further, b"iCCP", b"icc\0\0" + zlib.compress(icc_profile))
    return head + further.getvalue() + rest


_PNG_HEAD = 33
"""Bytes of PNG's signature and first chunk, behind which a color profile must stand."""
