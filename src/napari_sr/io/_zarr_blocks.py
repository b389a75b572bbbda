"""The pixels of each region of an OME-Zarr, every block of the lazy array behind them computed once.

Regions must be whole chunks of the file, and blocks need not: one that reaches into the next regions is kept until
these have been written. On a cluster workers write the regions themselves, into a folder that all machines share.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from itertools import accumulate, product
from socket import gethostname
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._dask import active_client
from napari_sr.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_sr.io._zarr_layout import Region
    from napari_sr.io._zarr_write import OmeZarrWriter

Block = tuple[int, ...]


def write_regions(writer: OmeZarrWriter, pixels: Any, pending: Sequence[Region]) -> Iterator[None]:
    """Compute and write regions, on the cluster that is in use or else here.

    Parameters
    ----------
    writer : OmeZarrWriter
        Of the file.
    pixels : array or dask array
        The image.
    pending : sequence of tuple of slice
        Regions to write.

    Yields
    ------
    None
        After each.

    Raises
    ------
    FileWriteError
        If one cannot be written, or workers do not see the folder.
    """
    client = active_client()
    if client is not None and not isinstance(pixels, np.ndarray):
        yield from _write_there(client, writer, pixels, pending)
        return
    for region, values in _values(pixels, pending):
        writer.write(region, values)
        yield


def _values(pixels: Any, pending: Sequence[Region]) -> Iterator[tuple[Region, NDArray[Any]]]:
    if isinstance(pixels, np.ndarray) or _aligned(pixels.chunks, pending):
        for region in pending:
            yield region, np.asarray(pixels[region])
        return
    edges = [[0, *accumulate(cuts)] for cuts in pixels.chunks]
    awaited = Counter(block for region in pending for block in _touched(edges, region))
    kept: dict[Block, NDArray[Any]] = {}
    for region in pending:
        values = np.empty([cut.stop - cut.start for cut in region], pixels.dtype)
        for block in _touched(edges, region):
            if block not in kept:
                kept[block] = np.asarray(pixels.blocks[block])
            inside, there = _overlap(edges, block, region)
            values[there] = kept[block][inside]
            awaited[block] -= 1
            if not awaited[block]:
                del kept[block]
        yield region, values


def _aligned(chunks: Sequence[Sequence[int]], pending: Sequence[Region]) -> bool:
    """Whether every region is whole blocks."""
    ends = [{0, *accumulate(cuts)} for cuts in chunks]
    return all(
        {cut.start, cut.stop} <= known
        for region in pending
        for cut, known in zip(region, ends, strict=True)
    )


def _touched(edges: Sequence[Sequence[int]], region: Region) -> Iterator[Block]:
    """Blocks that a region needs, by their edges along each axis."""
    spans = (
        range(bisect_right(known, cut.start) - 1, bisect_left(known, cut.stop))
        for known, cut in zip(edges, region, strict=True)
    )
    return product(*spans)


def _overlap(edges: Sequence[Sequence[int]], block: Block, region: Region) -> tuple[Region, Region]:
    """What a block and a region have in common, counted in the one and in the other."""
    inside, there = [], []
    for known, index, cut in zip(edges, block, region, strict=True):
        first, last = known[index : index + 2]
        start, stop = max(first, cut.start), min(last, cut.stop)
        inside.append(slice(start - first, stop - first))
        there.append(slice(start - cut.start, stop - cut.start))
    return tuple(inside), tuple(there)


def _write_there(
    client: Any, writer: OmeZarrWriter, pixels: Any, pending: Sequence[Region]
) -> Iterator[None]:
    import dask
    from distributed import as_completed

    # One graph, so that a block that several regions need is computed once.
    write = dask.delayed(_write, pure=False)
    under_way = client.compute([write(writer, region, pixels[region]) for region in pending])
    for future in as_completed(under_way):
        future.result()
        # Done for good: were its worker lost later, nobody would ask for it again.
        future.release()
        yield


def _write(writer: OmeZarrWriter, region: Region, values: NDArray[Any]) -> None:
    try:
        writer.write(region, values)
    except FileWriteError as error:
        raise FileWriteError(f"{error} (on {gethostname()})") from error
