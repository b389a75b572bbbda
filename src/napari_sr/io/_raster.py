"""One-image formats: PNG, JPEG, JPEG 2000, WebP, BMP, PNM, Radiance HDR and OpenEXR.

imagecodecs decodes where it is the more faithful one (16-bit alpha, exact errors), OpenCV the rest.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import FileReadError
from napari_sr.imaging import SpatialImage
from napari_sr.io._exif import icc_profile, orientation, upright
from napari_sr.io._formats import RASTER_SUFFIXES, Header, jpeg_segments, read_header, sniff
from napari_sr.io._limits import check_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray


def read_raster(path: Path, max_bytes: int | None = None) -> SpatialImage:
    """Read an image file of one of the formats that hold a single picture.

    Parameters
    ----------
    path : Path
        Told by its content, whatever its suffix says.
    max_bytes : int, optional
        Most bytes that the decoded image may take; left out, half of the free memory.

    Returns
    -------
    SpatialImage
        Axes YX or YXS: grey stays grey, color is RGB or RGBA, turned upright as EXIF says.
        uint8, uint16 or float32 as stored. An ICC profile is kept in ``metadata["icc_profile"]``.

    Raises
    ------
    FileReadError
        If the file is missing, truncated, damaged, too large, or no image.
    """
    coded = _read_bytes(path)
    header = _checked_header(path, coded)
    check_fits(path, (header.height, header.width, header.samples), header.nbytes, max_bytes)
    if header.format == "JPEG" and not _jpeg_complete(coded):
        raise FileReadError(f"{path.name}: truncated JPEG; copy or export it again")
    image = _decode(path, header, coded)
    image = upright(_rgb_or_grey(image), orientation(header.format, coded))
    profile = icc_profile(header.format, coded)
    return SpatialImage(
        image,
        "YX" if image.ndim == 2 else "YXS",
        name=path.stem,
        metadata={"format": header.format} | ({"icc_profile": profile} if profile else {}),
    )


def _read_bytes(path: Path) -> bytes:
    try:
        coded = path.read_bytes()
    except OSError as error:
        raise FileReadError(f"{path}: {error.strerror or error}") from error
    if not coded:
        raise FileReadError(f"{path.name}: the file is empty")
    return coded


def _checked_header(path: Path, coded: bytes) -> Header:
    found = sniff(coded[:32])
    if found is None:
        promised = RASTER_SUFFIXES.get(path.suffix.lower(), "a known image format")
        raise FileReadError(f"{path.name}: the content is not {promised}, nor another known format")
    header = read_header(coded)
    if header is None:
        raise FileReadError(f"{path.name}: the {found} header is damaged or cut off")
    return header


def _jpeg_complete(coded: bytes) -> bool:
    """Whether an end marker follows the pixels; decoders fill what is missing with grey."""
    scans = [start for marker, start, _ in jpeg_segments(coded) if marker == 0xDA]
    return bool(scans) and coded.find(b"\xff\xd9", scans[0]) >= 0


def _decode(path: Path, header: Header, coded: bytes) -> NDArray[Any]:
    decode = _DECODERS.get(header.format, _decode_opencv)
    try:
        image = decode(coded)
    except FileReadError as error:
        raise FileReadError(f"{path.name}: {error}") from error
    except (RuntimeError, ValueError) as error:  # imagecodecs' errors derive from RuntimeError
        raise FileReadError(
            f"{path.name}: truncated or damaged {header.format} ({_first_line(error)})"
        ) from error
    if image.size == 0 or image.ndim not in (2, 3):
        raise FileReadError(f"{path.name}: the {header.format} file holds no single image")
    return image


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _rgb_or_grey(image: NDArray[Any]) -> NDArray[Any]:
    """Grey as (Y, X); grey with alpha as RGBA, since no viewer knows two samples."""
    if image.ndim == 3 and image.shape[2] == 1:
        return image[..., 0]
    if image.ndim == 3 and image.shape[2] == 2:
        return image[..., [0, 0, 0, 1]]
    return image


def _decode_png(coded: bytes) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(coded))


def _decode_jpeg2000(coded: bytes) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.jpeg2k_decode(coded))


def _decode_webp(coded: bytes) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.webp_decode(coded))


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
    # OpenCV reads this when it is first imported; wheels that have OpenEXR keep it switched off
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    import cv2

    return cv2


@contextmanager
def _quiet(cv2: ModuleType) -> Iterator[None]:
    """Keep OpenCV from printing what is raised anyway."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


_DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    "PNG": _decode_png,
    "JPEG 2000": _decode_jpeg2000,
    "WebP": _decode_webp,
    "OpenEXR": _decode_exr,
}
