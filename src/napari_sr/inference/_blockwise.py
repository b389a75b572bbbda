"""Blockwise execution: a dask array in, a dask array out, computed only where it is needed.

The output is made in blocks. Each reads its part of the input with as much around it as its tiles need, and loops over
its tiles as a run over a whole image does; so the pixels do not depend on the blocks either. Blocks are alike wherever
the factor allows, the last ones apart, so that chunks of a file can follow them.
"""

from __future__ import annotations

import math
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sr._dask import as_dask, use_worker_threads
from napari_sr._steps import finish
from napari_sr.errors import InputError
from napari_sr.imaging import Axes
from napari_sr.inference import _nonfinite
from napari_sr.inference._execute import TileLoop
from napari_sr.inference._plan import IsotropicPlan
from napari_sr.inference._ranges import MeasuredRanges, SharedRanges
from napari_sr.inference._report import RunLog, UpscaleResult
from napari_sr.inference._resample import AxisResampler
from napari_sr.inference._tiles import ImageStack, Span, cut_tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.inference._plan import AnyPlan, Plan

__all__ = ["execute_blockwise"]

Blocks = tuple[list[Span], list[Span]]
"""Parts of Y and of X."""

BLOCK = 1024
"""Input pixels a side, about, that are computed at once, as far as the input's chunks allow: what a screen shows."""
_ROWS_BYTES = 2**28
"""Bytes of a block's output above which even rows of tiles are cut: a quarter of what tiles may take."""
_DENOMINATOR = 64
"""Largest denominator of a factor for which blocks are chosen so that their outputs are equally long."""

# Blocks of one device are computed one after the other: torch uses all cores for each, and memory is planned for one.
_device_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def execute_blockwise(
    plan: AnyPlan, image: Any, *, blocks: Literal["square", "rows"] = "square"
) -> UpscaleResult:
    """Execute a plan where its result is needed.

    Parameters
    ----------
    plan : Plan
        Made for this image.
    image : array, dask array or Zarr array
        Of the plan's shape and dtype.
    blocks : {"square", "rows"}
        About square, for viewers, which show a part of the image; or whole rows of tiles, for files and clusters,
        where all of it is computed.

    Returns
    -------
    UpscaleResult
        Its image is a dask array of shape ``plan.out_shape`` and dtype ``plan.dtype``; a block is computed when it is
        needed. Intensity ranges are measured once, with the first block, on all of a small image and on a sample
        of a large one. Its report covers the blocks that have been computed.

    Raises
    ------
    InputError
        If the plan is for another image, or needs the whole image at once.
    """
    import dask.array as da

    lazy = as_dask(image)
    if tuple(lazy.shape) != plan.in_shape or lazy.dtype != plan.dtype:
        raise InputError(
            f"the plan is for {plan.dtype} {plan.in_shape}, not {lazy.dtype} {tuple(lazy.shape)}"
        )
    if isinstance(plan, IsotropicPlan) or plan.uncertainty:
        raise InputError("isotropic stacks and uncertainties need the whole image in memory")
    if not plan.native_scales:
        return UpscaleResult(lazy, plan, RunLog(0))
    axes = plan.axes
    cut = _square_blocks if blocks == "square" else _row_blocks
    spans = cut(plan, (lazy.chunks[axes.y][0], lazy.chunks[axes.x][0]))
    chunks: list[Any] = [1] * lazy.ndim
    if "S" in axes.letters:
        chunks[axes.letters.index("S")] = axes.samples
    for axis, parts in zip((axes.y, axes.x), spans, strict=True):
        chunks[axis] = tuple(part.length for part in parts)
    around = _depth(plan)
    wide = da.overlap.overlap(
        lazy.rechunk(tuple(chunks)),
        depth={
            axis: around if len(parts) > 1 else 0
            for axis, parts in zip((axes.y, axes.x), spans, strict=True)
        },
        boundary=dict.fromkeys((axes.y, axes.x), "none"),
        allow_rechunk=False,
    )
    log = RunLog(math.prod(wide.numblocks))
    log.follow()
    work = _Block(plan, SharedRanges(plan, lazy), spans, around, log)
    enlarged = da.map_blocks(
        work,
        wide,
        name=f"upscale-{uuid.uuid4().hex}",
        chunks=work.out_chunks(wide.chunks),
        meta=np.empty((0,) * lazy.ndim, plan.dtype),
    )
    return UpscaleResult(enlarged, plan, log)


@dataclass(frozen=True)
class _Block:
    """Computes one block of the output; called by dask."""

    plan: Plan
    ranges: SharedRanges | MeasuredRanges
    spans: tuple[list[Span], list[Span]]
    around: int
    log: RunLog

    def __call__(
        self, block: NDArray[Any], block_info: dict[Any, Any] | None = None
    ) -> NDArray[Any]:
        assert block_info is not None
        where = tuple(block_info[0]["chunk-location"])
        axes, plan = self.plan.axes, self.plan
        y, x = (
            spans[where[axis]] for spans, axis in zip(self.spans, (axes.y, axes.x), strict=True)
        )
        channel = where[axes.letters.index("C")] if "C" in axes.letters else 0
        origin = (max(0, y.start - self.around), max(0, x.start - self.around))
        mine = Axes(axes.letters, block.shape)
        source = ImageStack(block, mine, origin, channel)
        rows, columns = (
            axis.output_span(span) for axis, span in zip(self._axes, (y, x), strict=True)
        )
        out_axes = mine.resized((rows.length, columns.length))
        out = np.empty(out_axes.shape, plan.dtype)
        sink = ImageStack(out, out_axes, (rows.start, columns.start))
        ranges = self.ranges.get()
        use_worker_threads()
        with _device_locks[plan.device]:
            # No larger than those of the whole image, for which memory was estimated.
            tiles = cut_tiles(len(source), y, x, plan.largest_tile)
            facts = finish(TileLoop(plan, source, ranges, sink).run(tiles))
        self.log.add(facts, where)
        return out

    @property
    def _axes(self) -> tuple[AxisResampler, AxisResampler]:
        plan = self.plan
        y, x = (
            AxisResampler(size, factor, plan.native_scale)
            for size, factor in zip(plan.axes.size, plan.scale, strict=True)
        )
        return y, x

    def out_chunks(self, chunks: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        """Chunks of the output."""
        axes, made = self.plan.axes, list(chunks)
        for resampler, spans, axis in zip(self._axes, self.spans, (axes.y, axes.x), strict=True):
            made[axis] = tuple(resampler.output_span(span).length for span in spans)
        return tuple(made)


def _depth(plan: Plan) -> int:
    """Input pixels that a block reads around it."""
    need = plan.halo + _nonfinite.RADIUS
    return -(-need // plan.alignment) * plan.alignment


def _square_blocks(plan: Plan, chunks: tuple[int, int]) -> Blocks:
    """Parts of Y and X, about square; `chunks` are the height and width of the input's chunks."""
    y, x = (_pieces(plan, axis, BLOCK, chunks[axis]) for axis in (0, 1))
    return y, x


def _row_blocks(plan: Plan, chunks: tuple[int, int]) -> Blocks:
    """Parts of Y that are whole rows of tiles; X is cut only where even a few rows are very large."""
    height, width = plan.axes.size
    least = max(BLOCK // 2, min(plan.tile[0], BLOCK), BLOCK**2 // width)
    y = _pieces(plan, 0, least, chunks[0])
    if y[0].length * plan.bytes_out / (height * plan.frames) <= _ROWS_BYTES:
        return y, [Span(0, width)]
    return y, _pieces(plan, 1, BLOCK, chunks[1])


def _pieces(plan: Plan, axis: int, least: int, chunk: int) -> list[Span]:
    size = plan.axes.size[axis]
    if plan.statistics_layers:  # they are statistics of the whole image
        return [Span(0, size)]
    around = _depth(plan)
    side = max(least, 4 * around)
    side = -(-side // chunk) * chunk if chunk < side else side
    unit = math.lcm(plan.alignment, _denominator(plan.scale[axis]))
    side = -(-side // unit) * unit
    # A block reads around it only in its direct neighbors.
    while side < size and 0 < size % side < around:
        side += unit
    return [Span(a, b) for a, b in pairwise([*range(0, size, side), size])]


def _denominator(factor: float) -> int:
    """Input pixels that give a whole number of output pixels; 1 if only very many do."""
    simple = Fraction(factor).limit_denominator(_DENOMINATOR)
    return simple.denominator if math.isclose(simple, factor, rel_tol=1e-12) else 1
