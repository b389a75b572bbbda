"""How much memory an image may take: asked before it is taken, since a small file can hold a bomb."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from napari_sr.errors import FileReadError

if TYPE_CHECKING:
    from pathlib import Path

LAZY_ABOVE = 512 * 2**20
"""Bytes above which a TIFF is read lazily, block by block."""


def check_fits(path: Path, shape: tuple[int, ...], nbytes: int, limit: int | None = None) -> None:
    """Refuse an image that would take too much memory.

    Parameters
    ----------
    path : Path
        For the message.
    shape : tuple of int
        What the file announces, for the message.
    nbytes : int
        Bytes of the decoded image.
    limit : int, optional
        Most bytes allowed; left out, half of the memory that is free now.

    Raises
    ------
    FileReadError
        If it takes more, saying how much and what to do instead.
    """
    if limit is None:
        import psutil

        limit = psutil.virtual_memory().available // 2
    if nbytes > limit:
        size = " x ".join(map(str, shape))
        raise FileReadError(
            f"{path.name}: {size} pixels would take {as_bytes(nbytes)}, more than the "
            f"{as_bytes(limit)} that may be used; convert it to OME-Zarr or tiled TIFF, "
            "which are read by blocks"
        )


def gathered(
    shape: tuple[int, ...], chunks: tuple[int, ...], itemsize: int, limit: int
) -> tuple[int, ...]:
    """Blocks of whole chunks, so that little work is not cut into too many pieces.

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
        Multiples of the chunks, or the whole axis, growing along the last axes first.
    """
    block = list(chunks)
    for axis in reversed(range(len(shape))):
        times = limit // (prod(block) * itemsize)
        block[axis] = min(shape[axis], block[axis] * max(times, 1))
        if block[axis] < shape[axis]:
            break
    return tuple(block)


def as_bytes(n: float) -> str:
    """Write a number of bytes for people.

    Parameters
    ----------
    n : float
        Bytes.

    Returns
    -------
    str
        Such as ``"3.1 GiB"``.
    """
    units = ("bytes", "KiB", "MiB", "GiB")
    power = 0
    while n >= 1024 and power < 3:
        n, power = n / 1024, power + 1
    return f"{n:.0f} {units[power]}" if power == 0 or n >= 100 else f"{n:.1f} {units[power]}"
