"""Checks that a TIFF is complete: of a truncated one tifffile reads what is left, and merely logs it."""

from __future__ import annotations

from math import prod
from struct import error as StructError
from struct import unpack
from typing import TYPE_CHECKING, Any

from napari_sr.errors import FileReadError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["check_imagej", "check_pages", "check_pixels", "planes_present"]


def check_pages(path: Path) -> None:
    """Follow the chain of pages to its end.

    Parameters
    ----------
    path : Path
        A TIFF or BigTIFF.

    Raises
    ------
    FileReadError
        If a page's directory lies beyond the end of the file, or there is none.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            offset, order, big = _first_page(file)
            if not big and size >= 2**32:
                return  # some programs let 32-bit offsets wrap around; tifffile knows which
            seen = set()
            while offset and offset not in seen:
                seen.add(offset)
                offset = _next_page(file, offset, order, big)
        except StructError as error:
            raise _truncated(path) from error
    if not seen:
        raise FileReadError(f"{path.name}: the TIFF does not hold any image")


def check_pixels(path: Path, series: Any) -> None:
    """Check that every strip or tile of a series lies within its file.

    Parameters
    ----------
    path : Path
        For the message.
    series : tifffile.TiffPageSeries
        Its pages may lie in other files.

    Raises
    ------
    FileReadError
        If pixels lie beyond the end.
    """
    keyframe = series.keyframe
    if len(keyframe.dataoffsets) < prod(keyframe.chunked):
        raise FileReadError(f"{path.name}: damaged TIFF, its size and its pixels do not match")
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > keyframe.parent.filehandle.size:
            raise _truncated(path)
        return
    for page in series.pages:
        if page is not None:
            size = page.parent.filehandle.size
            ends = zip(page.dataoffsets, page.databytecounts, strict=False)
            if any(offset + count > size for offset, count in ends):
                raise _truncated(path)


def check_imagej(path: Path, tif: Any) -> None:
    """Check that an ImageJ stack, which has a single page, holds as many images as it announces.

    Parameters
    ----------
    path : Path
        For the message.
    tif : tifffile.TiffFile
        The open file.

    Raises
    ------
    FileReadError
        If there are fewer.
    """
    page = tif.pages.first
    images = int((tif.imagej_metadata or {}).get("images", 1))
    contiguous = len(tif.pages) == 1 and page.compression == 1 and page.dataoffsets
    if contiguous and page.dataoffsets[0] + images * page.nbytes > tif.filehandle.size:
        raise _truncated(path)


def planes_present(path: Path, series: Any) -> int | None:
    """How many of the positions along the first axis have all their planes.

    Parameters
    ----------
    path : Path
        For the message.
    series : tifffile.TiffPageSeries
        tifffile fills planes that are announced and not there with zeros.

    Returns
    -------
    int or None
        Fewer than the series announces, where planes at its end are missing, as of an acquisition that was stopped;
        None where none are.

    Raises
    ------
    FileReadError
        If others are missing, such as those of a whole file of a set.
    """
    there = [page is not None for page in series.pages]
    if series.dataoffset is not None or all(there) or len(there) < 2:
        return None
    complete = there.index(False)
    each = len(there) // series.shape[0]  # planes at each position along the first axis
    present = complete // each if each else 0
    if not present or any(there[complete:]):
        missing = len(there) - sum(there)
        raise FileReadError(
            f"{path.name}: {missing} of {len(there)} planes are missing; other files of the set may be elsewhere"
        )
    return present


def _first_page(file: BinaryIO) -> tuple[int, str, bool]:
    """Offset of the first page, byte order, and whether offsets have 64 bits."""
    head = file.read(8)
    order = "<" if head[:2] == b"II" else ">"
    big = unpack(order + "H", head[2:4])[0] == 43
    offset = unpack(order + "Q", file.read(8)) if big else unpack(order + "I", head[4:])
    return offset[0], order, big


def _next_page(file: BinaryIO, offset: int, order: str, big: bool) -> int:
    count_type, entry, next_type = ("Q", 20, "Q") if big else ("H", 12, "I")
    file.seek(offset)
    (count,) = unpack(order + count_type, file.read(8 if big else 2))
    file.seek(offset + (8 if big else 2) + entry * count)
    return int(unpack(order + next_type, file.read(8 if big else 4))[0])


def _truncated(path: Path) -> FileReadError:
    return FileReadError(f"{path.name}: truncated TIFF, pixels are missing; copy it again")
