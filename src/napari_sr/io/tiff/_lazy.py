"""Large TIFFs, block by block: an array that opens the file when it is read, in this process or another."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.io._limits import merge_chunks

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["TiffBlocks", "lazy_array"]

BLOCK_BYTES = 16 * 2**20
"""Whole strips or tiles of a file are merged into dask blocks of about this size, which is decoded in about 0.1 s:
long beside dask's overhead for a task, short beside an enlargement."""


class TiffBlocks:
    """Array-like view of one resolution level of a TIFF series; can be pickled.

    Parameters
    ----------
    path : Path
        The file.
    series : int
        Index of the image in the file.
    level : int
        Index of the resolution level, 0 being the finest.
    """

    def __init__(self, path: Path, series: int = 0, level: int = 0) -> None:
        self.key = (path, series, level)
        self._lock = threading.Lock()
        self._opened: Any = None
        array = self._array()
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self.chunks: tuple[int, ...] = tuple(array.chunks)
        self.ndim = len(self.shape)

    def __reduce__(self) -> tuple[type[TiffBlocks], tuple[Path, int, int]]:
        return TiffBlocks, self.key

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(self._array()[key])

    def _array(self) -> Any:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        import tifffile
        import zarr

        path, series, level = self.key
        file = tifffile.TiffFile(path)
        store = file.series[series].aszarr(level=level)
        weakref.finalize(self, file.close)
        weakref.finalize(self, store.close)
        return zarr.open_array(store, mode="r")


def lazy_array(blocks: TiffBlocks) -> da.Array:
    """Make a dask array of a TIFF.

    Parameters
    ----------
    blocks : TiffBlocks
        Its file is kept open as long as the array lives.

    Returns
    -------
    dask.array.Array
        In blocks of whole strips or tiles, of about `BLOCK_BYTES`.
    """
    import dask.array as da
    from dask.base import tokenize

    chunks = merge_chunks(blocks.shape, blocks.chunks, blocks.dtype.itemsize, BLOCK_BYTES)
    # With the time of the last change, so that caches do not mix up two versions of a file.
    path, *which = blocks.key
    name = "tiff-" + tokenize(str(path), path.stat().st_mtime_ns, *which)
    meta = np.empty((0,) * blocks.ndim, blocks.dtype)
    return da.from_array(blocks, chunks=chunks, name=name, asarray=False, meta=meta)
