"""A whole image to OME-Zarr in one call, block by block where it is lazy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sr.imaging import Channel, SpatialImage, default_axes
from napari_sr.io._limits import gathered
from napari_sr.io._ngff import ORDER
from napari_sr.io._record import record_of
from napari_sr.io._zarr_blocks import write_regions
from napari_sr.io._zarr_layout import CHUNK, ZarrLayout
from napari_sr.io._zarr_write import OmeZarrWriter

REGION_BYTES = 8 * 2**20
"""Blocks of a lazy array are computed together up to this size; no more is lost by a kill."""

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_sr.imaging import Array


def write_ome_zarr(
    path: str | Path,
    data: Array | SpatialImage,
    axes: str | None = None,
    *,
    scale: Sequence[float] = (),
    translation: Sequence[float] = (),
    units: Sequence[str] = (),
    channels: Sequence[Channel] = (),
    metadata: Mapping[str, Any] | None = None,
    levels: int = 0,
    version: Literal["0.4", "0.5"] = "0.5",
    key: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write an image as OME-Zarr, with its pyramid, out of core.

    Parameters
    ----------
    path : str or Path
        The target; it appears when all is written, and what stood there stays until then.
    data : array or SpatialImage
        Pixels, with all that is known of them if it is an SpatialImage (then ``axes`` to ``channels``
        are not used). Each block of a dask array is computed once.
    axes : str, optional
        Letters of T, C, Z, Y, X and S (which is stored as C) in any order; left out, as
        `napari_sr.imaging.default_axes` says. Stored in the order TCZYX.
    scale, translation : sequence of float, optional
        World size of a pixel and world position of the first one, along each axis.
    units : sequence of str, optional
        Full names of units along each axis.
    channels : sequence of Channel, optional
        Names, colors and display ranges.
    metadata : mapping, optional
        How the image was made, as JSON, stored in its attributes; left out, the image's own
        record, ``metadata["napari_sr"]``.
    levels : int
        Resolution levels, each half the size of the one before along Y and X; 0 for as many as
        make the last one fit into a chunk.
    version : {"0.5", "0.4"}
        Of NGFF: 0.5 on Zarr 3, or 0.4 on Zarr 2 for older programs.
    key : mapping, optional
        JSON that identifies the job. Given, an interrupted run with the same key is resumed;
        without it everything is written anew.
    progress : callable, optional
        Called with (regions done, all regions) of the finest level.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    FileWriteError
        If OME-Zarr cannot hold the axes, or the target cannot be written.
    """
    if not isinstance(data, SpatialImage):
        data = SpatialImage(
            data,
            axes or default_axes(data.shape),
            scale=tuple(scale),
            translation=tuple(translation),
            units=tuple(units),
            channels=tuple(channels),
            name=Path(path).name.partition(".")[0],
        )
    pixels, axes = _ordered(data)
    chunks, at_once = _blocks(pixels, axes)
    record = dict(metadata) if metadata is not None else record_of(data.metadata)
    layout = _layout(data, pixels, chunks, at_once, record, levels, version)
    writer = OmeZarrWriter(path, layout, key=key if key is not None else _never_again())
    pending, total = writer.pending(), len(layout.regions())
    written = write_regions(writer, pixels, pending)
    for done, _ in enumerate(written, total - len(pending) + 1):
        if progress is not None:
            progress(done, total)
    return writer.finish()


def _never_again() -> dict[str, str]:
    from uuid import uuid4

    return {"run": uuid4().hex}


def _ordered(image: SpatialImage) -> tuple[Array, str]:
    """Pixels in NGFF's order of axes, color samples as channels."""
    axes = image.axes.replace("S", "C") if "C" not in image.axes else image.axes
    order = sorted(range(len(axes)), key=lambda i: ORDER.find(axes[i]))
    return image.data.transpose(order), "".join(axes[i] for i in order)


def _layout(
    image: SpatialImage,
    pixels: Array,
    chunks: tuple[int, ...],
    region: tuple[int, ...],
    metadata: dict[str, Any],
    levels: int,
    version: Literal["0.4", "0.5"],
) -> ZarrLayout:
    axes = _ordered(image)[1]
    samples = image.rgb and "C" not in image.axes
    source = [image.axes.index("S" if samples and axis == "C" else axis) for axis in axes]
    return ZarrLayout(
        tuple(pixels.shape),
        str(pixels.dtype),
        axes,
        scale=tuple(float(image.scale[i]) for i in source),
        translation=tuple(float(image.translation[i]) for i in source),
        units=tuple(image.units[i] for i in source),
        channels=image.channels,
        samples=samples,
        name=image.name,
        chunks=chunks,
        region=region,
        levels=levels,
        version=version,
        metadata=metadata,
    )


def _blocks(pixels: Any, axes: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunks, and regions to write at once, that keep to a lazy array's own blocks."""
    if isinstance(pixels, np.ndarray):
        return (), ()
    region = gathered(pixels.shape, pixels.chunksize, pixels.dtype.itemsize, REGION_BYTES)
    chunks = tuple(
        (min(CHUNK, n) if r == n else _divisor(r)) if axis in "YX" else r
        for axis, r, n in zip(axes, region, pixels.shape, strict=True)
    )
    return chunks, tuple(r + -r % c for r, c in zip(region, chunks, strict=True))


def _divisor(n: int) -> int:
    """Largest chunk that divides a block evenly; the block itself where only crumbs would do."""
    best = next(c for c in range(min(n, CHUNK), 0, -1) if n % c == 0)
    return best if best >= min(n, CHUNK) // 8 else n
