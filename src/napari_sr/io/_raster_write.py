"""PNG, JPEG and WebP: one picture, 8 bits a value, or 16 in PNG. Nothing is ever clipped to fit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._files import write_bytes
from napari_sr.errors import FileWriteError
from napari_sr.io._raster import _opencv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

JPEG_QUALITY = 95
LARGEST = {"PNG": 2**31 - 1, "JPEG": 65535, "WebP": 16383}
"""Most pixels along one side."""


def write_raster(
    path: Path,
    format: str,
    image: NDArray[Any],
    *,
    quality: int | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Write one picture.

    Parameters
    ----------
    path : Path
        The target, replaced atomically.
    format : {"PNG", "JPEG", "WebP"}
        How to code it.
    image : array, shape (Y, X), (Y, X, 3) or (Y, X, 4)
        Grey, RGB or RGBA; uint8, bool (as 0 and 255), or for PNG uint16.
    quality : int, optional
        1 to 100, for JPEG (95 unless given) and WebP (lossless unless given).
    icc_profile : bytes, optional
        What the colors mean; kept in PNG and JPEG.

    Raises
    ------
    FileWriteError
        If the format cannot hold the image (the message names one that can), or the target cannot
        be written.
    """
    image = _fitting(path, format, image)
    write_bytes(path, _ENCODERS[format](image, quality, icc_profile))


def _fitting(path: Path, format: str, image: NDArray[Any]) -> NDArray[Any]:
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
        return _opaque(path, image)
    return np.ascontiguousarray(image)


def _opaque(path: Path, image: NDArray[Any]) -> NDArray[Any]:
    if (image[..., 3] != 255).any():
        raise FileWriteError(f"{path.name}: JPEG has no transparency; save as .png, .webp or .tif")
    return np.ascontiguousarray(image[..., :3])


def _png(image: NDArray[Any], quality: int | None, icc_profile: bytes | None) -> bytes:
    import imagecodecs

    coded = bytes(imagecodecs.png_encode(image))
    if icc_profile is None:
        return coded
    body = b"iCCP" + b"icc\0\0" + zlib.compress(icc_profile)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return coded[:33] + chunk + coded[33:]  # after the signature and the header chunk


def _jpeg(image: NDArray[Any], quality: int | None, icc_profile: bytes | None) -> bytes:
    cv2 = _opencv()
    options = [cv2.IMWRITE_JPEG_QUALITY, quality or JPEG_QUALITY]
    # color at full resolution: half of it is what an upscaled image has just won
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    bgr = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    coded = bytes(cv2.imencode(".jpg", bgr, options)[1])
    return coded[:2] + _jpeg_profile(icc_profile or b"") + coded[2:]


def _jpeg_profile(profile: bytes) -> bytes:
    """Color profile as APP2 segments, which are short, so that it may need several."""
    parts = [profile[i : i + 65519] for i in range(0, len(profile), 65519)]
    segments = b""
    for number, part in enumerate(parts, 1):
        body = b"ICC_PROFILE\0" + bytes((number, len(parts))) + part
        segments += b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body
    return segments


def _webp(image: NDArray[Any], quality: int | None, icc_profile: bytes | None) -> bytes:
    import imagecodecs

    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if quality is None:
        return bytes(imagecodecs.webp_encode(image, lossless=True))
    return bytes(imagecodecs.webp_encode(image, quality, lossless=False))


_ENCODERS: dict[str, Callable[[NDArray[Any], int | None, bytes | None], bytes]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WebP": _webp,
}
WRITABLE_RASTERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP"}
"""Suffixes of the one-picture formats that can be written."""
