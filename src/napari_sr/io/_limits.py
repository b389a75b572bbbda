"""Memory that an image may take: checked before it is allocated, since a small file can announce a huge image."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from napari_sr._text import format_bytes
from napari_sr.errors import FileReadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LAZY_ABOVE", "check_fits", "merge_chunks"]

LAZY_ABOVE = 512 * 2**20
"""Bytes above which a TIFF is read by blocks: an image of this size opens within a few seconds, and a machine has
room for it and for its enlargement."""


def check_fits(path: Path, shape: tuple[int, ...], nbytes: int, limit: int | None = None) -> None:
    """Refuse an image that would take too much memory.

    Parameters
    ----------
    path : Path
        For the message.
    shape : tuple of int
        As the file announces it, for the message.
    nbytes : int
        Bytes of the decoded image.
    limit : int, optional
        Most bytes allowed; by default half of the memory that is free now.

    Raises
    ------
    FileReadError
        If it takes more. The message gives both sizes and a way out.
    """
    if limit is None:
        import psutil

        limit = psutil.virtual_memory().available // 2
    if nbytes > limit:
        size = " x ".join(map(str, shape))
        raise FileReadError(
            f"{path.name}: {size} pixels would take {format_bytes(nbytes)}, more than the "
            f"{format_bytes(limit)} that may be used; convert it to OME-Zarr or tiled TIFF, "
            "which are read by blocks"
        )


def merge_chunks(
    shape: tuple[int, ...], chunks: tuple[int, ...], itemsize: int, limit: int
) -> tuple[int, ...]:
    """Blocks of whole chunks, so that a small amount of work is not divided among too many tasks.

    Parameters
    ----------
    shape, chunks : tuple of int
        Of an array.
    itemsize : int
        Bytes of one value.
    limit : int
        Bytes that a block should not exceed, unless one chunk does.

    Returns
    -------
    tuple of int
        Multiples of the chunks, or the length of the axis; the last axes grow first.
    """
    block = list(chunks)
    for axis in reversed(range(len(shape))):
        times = limit // (prod(block) * itemsize)
        block[axis] = min(shape[axis], block[axis] * max(times, 1))
        if block[axis] < shape[axis]:
            break
    return tuple(block)
