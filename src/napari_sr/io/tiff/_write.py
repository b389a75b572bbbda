"""Write TIFF that ImageJ and Fiji read with its pixel size, and OME-TIFF for all that ImageJ's TIFF cannot hold."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, unescape

import numpy as np

from napari_sr._dask import computed
from napari_sr._files import atomic_path
from napari_sr.errors import FileWriteError
from napari_sr.io._placement import storable, unflipped
from napari_sr.io._record import RECORD, evaluate, facts_of, to_text
from napari_sr.io.tiff._geo_tags import geo_tags
from napari_sr.io.tiff._imagej import imagej_options
from napari_sr.io.tiff._ome import ome_options
from napari_sr.io.tiff._photo_tags import photo_options
from napari_sr.io.tiff._plain import plain_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.imaging import Array, SpatialImage
    from napari_sr.io._record import Record

__all__ = ["write_tiff"]

Dialect = Literal["imagej", "ome", "plain"]

ORDER = "TZCYXS"
"""Order of axes in ImageJ's hyperstacks; OME-TIFF allows it, too."""
IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
"""Types of pixels that ImageJ knows."""
OME_DTYPES = (*IMAGEJ_DTYPES, "bool", "int8", "int16", "int32", "uint32", "float64")
"""Types of pixels that OME's schema knows, without the complex ones."""
CLASSIC_BYTES = 2**32 - 2**25
"""Above it a TIFF needs 64-bit offsets (BigTIFF), which ImageJ's own format does not have. The rest to 4 GiB is for
descriptions and tables of offsets."""
LAZY_BYTES = 2**29
"""Up to this size a lazy array is computed at once, which allows ImageJ's format; above it tile by tile."""
TILE = 512
"""Pixels of a tile's side: 0.25 to 2 MiB a tile, as programs that read parts of an image expect."""
PENDING = {"pending": "the record is known when all pixels are written"}
"""Stands in a description for a record that is not known yet."""


def write_tiff(path: Path, image: SpatialImage, record: Record) -> None:
    """Write a TIFF in the dialect that keeps the most and is read by the most programs.

    ``.ome.tif`` is OME-TIFF. Any other name is ImageJ's TIFF where that can hold the image (uint8, uint16, float32,
    below 4 GiB), else OME-TIFF, else plain TIFF with a description of our own.

    Parameters
    ----------
    path : Path
        The target, replaced atomically.
    image : SpatialImage
        Pixels, axes, scale, units, translation and channels are kept; a large lazy array is written tile by tile. Axes
        are written in the order TZCYXS. The pixels of flipped axes are written in reverse order, with positive sizes.
    record : mapping or callable
        How the image was made; a function is called when all pixels have been computed.

    Raises
    ------
    FileWriteError
        If the target cannot be written, or TIFF has no such type of pixels.
    """
    if image.dtype.kind not in "buif":
        raise FileWriteError(f"{path.name}: TIFF holds real numbers, not {image.dtype}")
    image = unflipped(storable(image))
    data, axes = _ordered(image)
    nbytes = data.size * data.dtype.itemsize
    whole = isinstance(data, np.ndarray) and nbytes <= CLASSIC_BYTES
    dialect = _dialect(path, axes, str(data.dtype), whole)
    late = callable(record) and not isinstance(data, np.ndarray)
    options = _options(dialect, image, axes, data.shape, PENDING if late else evaluate(record))
    with atomic_path(path) as beside:
        _write(beside, path.name, data, axes, dialect, options, bigtiff=nbytes > CLASSIC_BYTES)
        if late:
            _complete_record(beside, dialect, evaluate(record))


def _write(
    beside: Path,
    name: str,
    data: Array,
    axes: str,
    dialect: Dialect,
    options: dict[str, Any],
    *,
    bigtiff: bool,
) -> None:
    import tifffile

    imagej, ome = dialect == "imagej", dialect == "ome"
    try:
        with tifffile.TiffWriter(beside, bigtiff=bigtiff, imagej=imagej, ome=ome) as tif:
            if isinstance(data, np.ndarray):
                tif.write(data, **options)
            else:
                options |= {"shape": data.shape, "dtype": data.dtype, "tile": (TILE, TILE)}
                tif.write(_tiles(data, axes), **options)
    except (ValueError, TypeError) as error:
        raise FileWriteError(f"{name}: {error}") from error


def _options(
    dialect: Dialect,
    image: SpatialImage,
    axes: str,
    shape: tuple[int, ...],
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """Arguments with which tifffile stores what is known of an image."""
    describe = {"imagej": imagej_options, "ome": ome_options, "plain": plain_options}[dialect]
    options = describe(image, axes, shape, record)
    options |= photo_options(image, gray="S" not in axes)
    if tags := geo_tags(image):
        options["extratags"] = [*options.get("extratags", ()), *tags]
    if not axes.endswith("S"):
        return options | {"photometric": "minisblack"}
    options |= {"photometric": "rgb", "planarconfig": "contig"}
    return options | ({"extrasamples": ["unassalpha"]} if shape[-1] == 4 else {})


def _complete_record(path: Path, dialect: Dialect, record: Mapping[str, Any]) -> None:
    """Replace the `PENDING` record in the description of a file."""
    import tifffile

    described = str(tifffile.tiffcomment(path))
    if dialect == "ome":

        def completed(found: re.Match[str]) -> str:
            facts = facts_of(unescape(found[1], {"&quot;": '"'}))
            facts.pop(RECORD)
            text = to_text(record, facts)
            return f"<Description>{escape(text)}</Description>" if text else ""

        described = re.sub(r"<Description>(.*?)</Description>", completed, described, count=1)
    else:
        described = json.dumps({**json.loads(described), RECORD: record})
    tifffile.tiffcomment(path, described.encode())


def _ordered(image: SpatialImage) -> tuple[Array, str]:
    """Axes in ImageJ's order; unknown ones first."""
    axes = "".join(sorted(image.axes, key=ORDER.find))
    data = image.data.transpose([image.axes.index(axis) for axis in axes])
    if data.dtype == bool and "S" in axes:
        data = data * np.uint8(255)  # TIFF packs eight values of one sample into a byte
    if data.dtype == np.float16:
        data = data.astype(np.float32)  # holds every float16; few programs read those
    if not isinstance(data, np.ndarray) and data.nbytes <= LAZY_BYTES:
        data = data.compute()
    return data, axes


def _dialect(path: Path, axes: str, dtype: str, whole: bool) -> Dialect:
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
    # All planes in one sequence, so that a cluster is not idle at the end of each.
    rows = computed(part for plane in planes for part in _block_rows(plane))
    for plane in planes:
        for row in _tile_rows(islice(rows, len(plane.chunks[0]))):
            for x in range(0, row.shape[1], TILE):
                yield np.ascontiguousarray(row[:, x : x + TILE])


def _block_rows(plane: Any) -> Iterator[Any]:
    """The rows of blocks of a plane."""
    stop = 0
    for height in plane.chunks[0]:
        start, stop = stop, stop + height
        yield plane[start:stop]


def _tile_rows(block_rows: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Rows of tiles, for which each row of blocks is computed once even though the two do not align."""
    held = next(block_rows)
    for row in block_rows:
        while len(held) >= TILE:
            yield held[:TILE]
            held = held[TILE:]
        held = np.concatenate([held, row])
    for start in range(0, len(held), TILE):
        yield held[start : start + TILE]
