"""TIFF that ImageJ and Fiji read with its pixel size, and OME-TIFF for all that ImageJ's cannot hold."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._dask import computed
from napari_sr._files import atomic_path
from napari_sr.errors import FileWriteError
from napari_sr.io._tiff_dialects import tiff_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.imaging import Array, SpatialImage

ORDER = "TZCYXS"
"""Order of axes in ImageJ's hyperstacks; OME-TIFF allows it too."""
IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
OME_DTYPES = (*IMAGEJ_DTYPES, "bool", "int8", "int16", "int32", "uint32", "float64")
CLASSIC_BYTES = 2**32 - 2**25
"""Above it a TIFF needs 64-bit offsets (BigTIFF), which ImageJ's own format hasn't."""
LAZY_BYTES = 2**29
"""Up to this size a lazy array is computed at once, above it tile by tile."""
TILE = 512


def write_tiff(path: Path, image: SpatialImage) -> None:
    """Write a TIFF in the dialect that keeps the most and is read by the most.

    ``.ome.tif`` is OME-TIFF. Any other name is ImageJ's TIFF where that can hold the image (uint8,
    uint16, float32, below 4 GiB), else OME-TIFF, else plain TIFF with our own description.

    Parameters
    ----------
    path : Path
        The target, replaced atomically.
    image : SpatialImage
        Pixels, axes, scale, units, translation and channels are kept; a lazy array is written
        block by block. Axes come out in the order TZCYXS.

    Raises
    ------
    FileWriteError
        If the target cannot be written or TIFF has no such type of pixels.
    """
    if image.dtype.kind not in "buif":
        raise FileWriteError(f"{path.name}: TIFF holds real numbers, not {image.dtype}")
    data, axes = _ordered(image)
    nbytes = data.size * data.dtype.itemsize
    whole = isinstance(data, np.ndarray) and nbytes <= CLASSIC_BYTES
    dialect = _dialect(path, axes, str(data.dtype), whole)
    options = tiff_options(dialect, image, axes, data.shape)
    _write(path, data, axes, dialect, nbytes, options)


def _write(
    path: Path, data: Array, axes: str, dialect: str, nbytes: int, options: dict[str, Any]
) -> None:
    import tifffile

    imagej, ome = dialect == "imagej", dialect == "ome"
    with atomic_path(path) as beside:
        try:
            with tifffile.TiffWriter(
                beside, bigtiff=nbytes > CLASSIC_BYTES, imagej=imagej, ome=ome
            ) as tif:
                if isinstance(data, np.ndarray):
                    tif.write(data, **options)
                else:
                    options |= {"shape": data.shape, "dtype": data.dtype, "tile": (TILE, TILE)}
                    tif.write(_tiles(data, axes), **options)
        except (ValueError, TypeError) as error:
            raise FileWriteError(f"{path.name}: {error}") from error


def _ordered(image: SpatialImage) -> tuple[Array, str]:
    """Axes in ImageJ's order; unknown ones first."""
    axes = "".join(sorted(image.axes, key=lambda a: ORDER.find(a)))
    data = image.data.transpose([image.axes.index(a) for a in axes])
    if data.dtype == bool and "S" in axes:
        data = data * np.uint8(255)  # TIFF packs eight values of one sample into a byte
    if data.dtype == np.float16:
        data = data.astype(np.float32)  # which holds every float16; few programs read those
    if not isinstance(data, np.ndarray) and data.nbytes <= LAZY_BYTES:
        data = data.compute()
    return data, axes


def _dialect(path: Path, axes: str, dtype: str, whole: bool) -> str:
    known = set(axes) <= set(ORDER)
    if path.name.lower().endswith((".ome.tif", ".ome.tiff")):
        if known and dtype in OME_DTYPES:
            return "ome"
        raise FileWriteError(
            f"{path.name}: OME-TIFF cannot hold axes {axes} of {dtype}; save as .tif"
        )
    imagej = dtype in IMAGEJ_DTYPES and ("S" not in axes or dtype == "uint8")
    if known and imagej and whole:
        return "imagej"
    return "ome" if known and dtype in OME_DTYPES else "plain"


def _tiles(data: Array, axes: str) -> Iterator[NDArray[Any]]:
    """Tiles of a lazy array in file order; no more than a few rows of its blocks are in memory."""
    planes: list[Any] = [data[index] for index in np.ndindex(*data.shape[: axes.index("Y")])]
    # All planes in one go, lest a cluster has nothing to do at the end of each.
    rows = computed(part for plane in planes for part in _parts(plane))
    for plane in planes:
        for band in _bands(islice(rows, len(plane.chunks[0]))):
            for x in range(0, band.shape[1], TILE):
                yield np.ascontiguousarray(band[:, x : x + TILE])


def _parts(plane: Any) -> Iterator[Any]:
    """The rows of blocks of a plane."""
    stop = 0
    for height in plane.chunks[0]:
        start, stop = stop, stop + height
        yield plane[start:stop]


def _bands(parts: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Rows of tiles, each block of the lazy plane being computed once though they don't align."""
    held = next(parts)
    for part in parts:
        while len(held) >= TILE:
            yield held[:TILE]
            held = held[TILE:]
        held = np.concatenate([held, part])
    for start in range(0, len(held), TILE):
        yield held[start : start + TILE]
