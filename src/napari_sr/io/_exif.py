"""What PNG, JPEG and WebP carry beside pixels: which way is up (EXIF) and what colors mean (ICC)."""

from __future__ import annotations

import zlib
from struct import error as StructError
from struct import unpack_from
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.io._formats import jpeg_segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def orientation(format: str, coded: bytes) -> int:
    """How a camera was held, from the EXIF block of a coded image.

    Parameters
    ----------
    format : str
        ``"JPEG"``, ``"PNG"`` or ``"WebP"``.
    coded : bytes
        The whole file.

    Returns
    -------
    int
        1 to 8 as EXIF numbers them; 1, upright, where nothing (sensible) is said.
    """
    for kind, block in _blocks(format, coded):
        if kind in (b"eXIf", b"EXIF"):
            return _exif_orientation(block.removeprefix(b"Exif\0\0"))
        if kind == b"APP1" and block.startswith(b"Exif\0\0"):
            return _exif_orientation(block[6:])
    return 1


def upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image upright.

    Parameters
    ----------
    image : array, shape (Y, X) or (Y, X, S)
        As stored.
    orientation : int
        EXIF number, 1 to 8.

    Returns
    -------
    array
        Contiguous, turned and mirrored as EXIF means it; axes swapped for 5 to 8.

    References
    ----------
    CIPA DC-008 (EXIF 2.32), tag 274.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def icc_profile(format: str, coded: bytes) -> bytes | None:
    """Color profile embedded in a coded image.

    Parameters
    ----------
    format : str
        ``"JPEG"``, ``"PNG"`` or ``"WebP"``.
    coded : bytes
        The whole file.

    Returns
    -------
    bytes or None
        The ICC profile; None where there is none, or it is damaged.
    """
    parts: dict[int, bytes] = {}
    for kind, block in _blocks(format, coded):
        if kind == b"iCCP":
            _, _, packed = block.partition(b"\0")
            try:
                return zlib.decompress(packed[1:])
            except zlib.error:
                return None
        if kind == b"ICCP":
            return block
        if kind == b"APP2" and block.startswith(b"ICC_PROFILE\0"):
            parts[block[12]] = block[14:]
    return b"".join(parts[i] for i in sorted(parts)) or None


def _exif_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = unpack_from(order + "I", tiff, 4)
        (count,) = unpack_from(order + "H", tiff, first)
        for i in range(count):
            tag, _, _, value = unpack_from(order + "HHIH", tiff, first + 2 + 12 * i)
            if tag == 274:
                return value if 1 <= value <= 8 else 1
    except StructError:
        pass
    return 1


def _blocks(format: str, coded: bytes) -> Iterator[tuple[bytes, bytes]]:
    walk = {"JPEG": _segments, "PNG": _chunks, "WebP": _riff}.get(format)
    if walk is not None:
        try:
            yield from walk(coded)
        except (StructError, IndexError):
            return


def _segments(coded: bytes) -> Iterator[tuple[bytes, bytes]]:
    for marker, start, end in jpeg_segments(coded):
        if 0xE1 <= marker <= 0xE2:
            yield b"APP%d" % (marker - 0xE0), coded[start:end]


def _chunks(coded: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(coded):
        length, kind = unpack_from(">I4s", coded, at)
        if kind in (b"iCCP", b"eXIf"):
            yield kind, coded[at + 8 : at + 8 + length]
        at += 12 + length


def _riff(coded: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(coded):
        kind, length = unpack_from("<4sI", coded, at)
        yield kind, coded[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
