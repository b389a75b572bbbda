"""Write a whole image as OME-Zarr in one call, block by block where it is lazy."""

from __future__ import annotations

import os
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np

from napari_sr._dask import active_client
from napari_sr.errors import FileWriteError
from napari_sr.imaging import Channel, SpatialImage, default_axes
from napari_sr.io._limits import merge_chunks
from napari_sr.io._placement import storable
from napari_sr.io._record import RECORD, evaluate
from napari_sr.io.zarr._layout import CHUNK, ORDER, ZarrLayout
from napari_sr.io.zarr._writer import OmeZarrWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_sr.imaging import Array
    from napari_sr.io._record import Record

__all__ = ["write_ome_zarr"]

REGION_BYTES = 8 * 2**20
"""Small blocks of a lazy array are written together up to this size, so that a file operation moves a useful amount;
no more than this, or one block, per thread is lost when the process is killed."""

THREADS = 4
"""Most blocks that are computed at a time in this process. Networks run one block at a time with all cores anyway; a
few more keep reading, compressing and writing busy, and each holds its block in memory."""


def write_ome_zarr(
    path: str | Path,
    data: Array | SpatialImage,
    axes: str | None = None,
    *,
    scale: Sequence[float] = (),
    translation: Sequence[float] = (),
    units: Sequence[str] = (),
    channels: Sequence[Channel] = (),
    metadata: Record | None = None,
    levels: int = 0,
    version: Literal["0.4", "0.5"] = "0.5",
    key: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write an image as OME-Zarr, with its pyramid, out of core.

    Parameters
    ----------
    path : str or Path
        The target; it appears when everything is written, and what was there before stays until then.
    data : array or SpatialImage
        Pixels; a SpatialImage brings its own axes, pixel size, position, units and channels, and the arguments of
        these names are then not used. Each block of a dask array is computed once.
    axes : str, optional
        Letters of T, C, Z, Y, X and S (which is stored as C) in any order; by default those of
        `napari_sr.imaging.default_axes`. Stored in the order TCZYX.
    scale, translation : sequence of float, optional
        Pixel size and world position of the first pixel along each axis.
    units : sequence of str, optional
        Full names of units along each axis.
    channels : sequence of Channel, optional
        Names, colors and display ranges.
    metadata : mapping or callable, optional
        How the image was made, as JSON can hold it, stored in its attributes. A function is called once, without
        arguments, when all pixels have been written. In a resumed run it cannot know about the pixels of the
        interrupted one; ``"resumed": True`` is then added. By default the image's ``metadata["napari_sr"]``.
    levels : int
        Resolution levels, each half the size of the one before along Y and X; 0 for as many as make the last one fit
        into a chunk.
    version : {"0.5", "0.4"}
        Of NGFF: 0.5 on Zarr 3, or 0.4 on Zarr 2 for older programs.
    key : mapping, optional
        JSON that identifies the job, independent of ``metadata``. If given, an interrupted run with the same key is
        resumed; without it everything is written again.
    progress : callable, optional
        Called with (regions done, all regions) of the finest level. An exception that it raises ends the run.

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
    image = storable(data)
    pixels, axes = _ordered(image)
    writer = OmeZarrWriter(
        path,
        _layout(image, pixels, axes, levels, version),
        key={"run": uuid4().hex} if key is None else key,
    )
    _write_pixels(writer, pixels, progress)
    record = metadata if metadata is not None else image.metadata.get(RECORD) or {}
    if callable(record) and writer.resumed:
        record = {**evaluate(record), "resumed": True}
    return writer.finish(record)


def _ordered(image: SpatialImage) -> tuple[Array, str]:
    """Pixels and axes in NGFF's order, color samples as channels."""
    axes = image.axes.replace("S", "C") if "C" not in image.axes else image.axes
    order = sorted(range(len(axes)), key=lambda i: ORDER.find(axes[i]))
    return image.data.transpose(order), "".join(axes[i] for i in order)


def _layout(
    image: SpatialImage, pixels: Array, axes: str, levels: int, version: Literal["0.4", "0.5"]
) -> ZarrLayout:
    samples = image.rgb and "C" not in image.axes
    source = [image.axes.index("S" if samples and axis == "C" else axis) for axis in axes]
    chunks, region = _chunks_and_region(pixels, axes)
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
    )


def _chunks_and_region(pixels: Any, axes: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Chunks, and regions to write at once, that follow the blocks of a lazy array as far as possible."""
    if isinstance(pixels, np.ndarray):
        return (), ()
    region = merge_chunks(pixels.shape, pixels.chunksize, pixels.dtype.itemsize, REGION_BYTES)
    chunks = tuple(
        (min(CHUNK, n) if r == n else _chunk_of(r)) if axis in "YX" else r
        for axis, r, n in zip(axes, region, pixels.shape, strict=True)
    )
    return chunks, tuple(r + -r % c for r, c in zip(region, chunks, strict=True))


def _chunk_of(block: int) -> int:
    """Largest chunk that divides a block evenly; the block itself where that would be a small one."""
    longest = min(block, CHUNK)
    chunk = next(length for length in range(longest, 0, -1) if block % length == 0)
    return chunk if chunk >= longest // 8 else block


def _write_pixels(
    writer: OmeZarrWriter, pixels: Any, progress: Callable[[int, int], None] | None
) -> None:
    """Write all regions that are not written yet, and compute each block that they need once."""
    pending, total = writer.pending(), len(writer.layout.regions())
    done = total - len(pending)

    def advance(*_: Any) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    if isinstance(pixels, np.ndarray):
        for region in pending:
            writer.write(region, pixels[region])
            advance()
        return
    import dask
    from dask.callbacks import Callback

    client, shape = active_client(), writer.layout.region
    all_tasks = _write_tasks(writer, pixels.rechunk(shape), remote=client is not None)
    tasks = [
        all_tasks[tuple(cut.start // n for cut, n in zip(region, shape, strict=True))]
        for region in pending
    ]
    if client is not None:
        from distributed import as_completed

        for future in as_completed(client.compute(tasks)):
            future.result()
            # Its pixels are on disk: were the worker lost later, the task must not run again.
            future.release()
            advance()
        return
    written = {task.key for task in tasks}
    with Callback(posttask=lambda key, *_: advance() if key in written else None):
        dask.compute(*tasks, num_workers=min(THREADS, os.cpu_count() or 1))


def _write_tasks(writer: OmeZarrWriter, regions: Any, *, remote: bool) -> NDArray[Any]:
    """Delayed writing of each region; all share one graph, and so the blocks that they need."""
    written = regions.map_blocks(
        _write_region,
        writer=writer,
        remote=remote,
        dtype=bool,
        chunks=(1,) * regions.ndim,
        meta=np.empty((0,) * regions.ndim, bool),
    )
    tasks: NDArray[Any] = written.to_delayed()
    return tasks


def _write_region(
    block: NDArray[Any], writer: OmeZarrWriter, remote: bool, block_info: Mapping[int, Any]
) -> NDArray[Any]:
    """Write one region, in a thread of this process or on a worker of a cluster that sees the same folder."""
    try:
        writer.write(tuple(slice(*ends) for ends in block_info[0]["array-location"]), block)
    except FileWriteError as error:
        raise FileWriteError(f"{error} (on {gethostname()})" if remote else str(error)) from error
    return np.ones((1,) * block.ndim, bool)
