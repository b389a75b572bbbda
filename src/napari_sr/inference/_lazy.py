"""Lazy: a dask array in, a dask array out, of which only what is looked at is computed.

The output is made in blocks. Each reads its part of the input with as much around it as its tiles need, and goes
over its tiles as a run over a whole image does; so the pixels do not depend on the blocks either.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.imaging import Axes
from napari_sr.inference._blocks import Blocks, depth, square_blocks
from napari_sr.inference._frames import Frames
from napari_sr.inference._shared_ranges import SharedRanges
from napari_sr.inference._sweep import Sweep
from napari_sr.inference._tiles import Span, cut_tiles
from napari_sr.inference._workers import take_threads
from napari_sr.inference._zoom import Zoom

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da
    from numpy.typing import NDArray

    from napari_sr.inference._plan import Plan

# Blocks of one device go one after the other: torch uses all cores for each, and memory is planned for one.
_turn: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def enlarge_lazily(
    plan: Plan, image: da.Array, cut: Callable[[Plan, tuple[int, int]], Blocks] = square_blocks
) -> da.Array:
    """Execute a plan where somebody looks.

    Parameters
    ----------
    plan : Plan
        Made for this image.
    image : dask array
        Of the plan's shape and dtype.
    cut : callable
        How it is cut into blocks: `square_blocks` or `row_blocks`.

    Returns
    -------
    dask array
        Shape ``plan.out_shape``, dtype ``plan.dtype``; a block is computed when it is asked for. Intensity ranges are
        measured once, with the first block, on all of a small image and on a sample of a large one.
    """
    import dask.array as da

    if not plan.passes:
        return image
    axes = plan.axes
    blocks = cut(plan, (image.chunks[axes.y][0], image.chunks[axes.x][0]))
    chunks: list[Any] = [1] * image.ndim
    if "S" in axes.letters:
        chunks[axes.letters.index("S")] = axes.samples
    for axis, spans in zip((axes.y, axes.x), blocks, strict=True):
        chunks[axis] = tuple(span.length for span in spans)
    around = depth(plan)
    wide = da.overlap.overlap(
        image.rechunk(tuple(chunks)),
        depth={
            axis: around if len(spans) > 1 else 0
            for axis, spans in zip((axes.y, axes.x), blocks, strict=True)
        },
        boundary=dict.fromkeys((axes.y, axes.x), "none"),
        allow_rechunk=False,
    )
    work = _Block(plan, SharedRanges(plan, image), blocks, around)
    return da.map_blocks(
        work,
        wide,
        name=f"upscale-{uuid.uuid4().hex}",
        chunks=work.out_chunks(wide.chunks),
        meta=np.empty((0,) * image.ndim, plan.dtype),
    )


@dataclass(frozen=True)
class _Block:
    """Makes one block of the output; called by dask."""

    plan: Plan
    ranges: SharedRanges
    spans: tuple[list[Span], list[Span]]
    around: int

    def __call__(
        self, block: NDArray[Any], block_info: dict[Any, Any] | None = None
    ) -> NDArray[Any]:
        assert block_info is not None
        where = block_info[0]["chunk-location"]
        axes, plan = self.plan.axes, self.plan
        y, x = (
            spans[where[axis]] for spans, axis in zip(self.spans, (axes.y, axes.x), strict=True)
        )
        channel = where[axes.letters.index("C")] if "C" in axes.letters else 0
        origin = (max(0, y.start - self.around), max(0, x.start - self.around))
        mine = Axes(axes.letters, block.shape)
        source = Frames(block, mine, origin, channel)
        rows, columns = (zoom.owned(span) for zoom, span in zip(self._zooms, (y, x), strict=True))
        out_axes = mine.resized((rows.length, columns.length))
        out = np.empty(out_axes.shape, plan.dtype)
        sink = Frames(out, out_axes, (rows.start, columns.start))
        ranges = self.ranges.get()
        take_threads()
        with _turn[plan.device]:
            # No larger than those of the whole image, for which memory was estimated.
            tiles = cut_tiles(len(source), y, x, plan.largest_tile)
            for _ in Sweep(plan, source, ranges, sink).run(tiles):
                pass
        return out

    @property
    def _zooms(self) -> tuple[Zoom, Zoom]:
        plan = self.plan
        y, x = (
            Zoom(size, factor, plan.native_scale)
            for size, factor in zip(plan.axes.size, plan.scale, strict=True)
        )
        return y, x

    def out_chunks(self, chunks: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        """Chunks of the output."""
        axes, made = self.plan.axes, list(chunks)
        for zoom, spans, axis in zip(self._zooms, self.spans, (axes.y, axes.x), strict=True):
            made[axis] = tuple(zoom.owned(span).length for span in spans)
        return tuple(made)
