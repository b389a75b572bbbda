"""Execution of a plan on an image in memory: a loop over tiles, as a generator of progress that returns the result.

The loop goes batch by batch, can be canceled, and goes on with smaller tiles where memory runs out.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Generator
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.overrides import TorchFunctionMode

from napari_sr._text import format_bytes
from napari_sr.errors import CancelledError, DeviceError, InputError, OutputTooLargeError
from napari_sr.inference._composite import FallbackCounter, build_runners
from napari_sr.inference._cost import learn_speed
from napari_sr.inference._isotropic import execute_isotropic
from napari_sr.inference._machine import free_memory, is_out_of_memory
from napari_sr.inference._plan import IsotropicPlan
from napari_sr.inference._ranges import measure_ranges
from napari_sr.inference._report import Facts, Progress, RunLog, UpscaleResult
from napari_sr.inference._tile_batch import TileBatchProcessor
from napari_sr.inference._tiles import ImageStack, Tile, cut_tiles, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_sr.inference._plan import AnyPlan, Plan
    from napari_sr.inference._ranges import Ranges
    from napari_sr.inference._runners import GlobalStatistics

__all__ = ["Execution", "Interruptible", "TileLoop", "check_memory", "execute"]

_LEAST_TILE = 16
"""Side below which tiles are not halved when memory runs out: halos would cost far more than the tile."""


class TileLoop:
    """Enlarges tiles of a stack.

    Parameters
    ----------
    plan : Plan
        What to do.
    source, sink : ImageStack
        Where to read and to write.
    ranges : Ranges
        Intensities of the stack.
    deviations : ImageStack, optional
        Where to write standard deviations.
    """

    def __init__(
        self,
        plan: Plan,
        source: ImageStack,
        ranges: Ranges,
        sink: ImageStack,
        deviations: ImageStack | None = None,
    ) -> None:
        self._plan, self._source, self._ranges, self._sink = plan, source, ranges, sink
        self._deviations = deviations
        self._planned_device = plan.device
        self._messages: dict[str, None] = {}
        self._repeats = self._done = self._left = 0
        self._statistics: list[GlobalStatistics] = []
        self._counter = FallbackCounter()
        self._prepare(plan)

    def run(self, tiles: Iterable[Tile]) -> Generator[Progress, None, Facts]:
        """Enlarge tiles, in the order of their frames; yields after every batch and returns what happened."""
        todo = list(tiles)
        frames = len({tile.frame for tile in todo})
        self._left = len(todo) + frames * self._plan.statistics_passes * len(
            self._statistics_tiles(0)
        )
        # Global statistics belong to one image, so process image by image; otherwise all tiles form one group.
        local = self._plan.statistics_layers == 0
        started = time.perf_counter()
        for frame, group in groupby(todo, (lambda _: 0) if local else attrgetter("frame")):
            for statistics in self._statistics:
                statistics.forget()
            yield from self._gather_statistics(frame)
            yield from self._enlarge(group)
        return Facts(
            replaced=self._counter.per_pixel(self._processor.outputs),
            float32_repeats=self._repeats,
            messages=tuple(self._messages),
            seconds=time.perf_counter() - started,
            device=None if self._plan.device == self._planned_device else self._plan.device,
        )

    def _enlarge(self, tiles: Iterable[Tile]) -> Iterator[Progress]:
        todo = deque(self._cut(tiles))
        axis_tilings = self._plan.axis_tilings_for(todo, *self._source.bounds)
        while todo:
            batch = list(islice(todo, self._plan.batch))
            try:
                outputs = self._processor.enlarge(batch, axis_tilings)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                for output in outputs:
                    where = output.frame, output.y, output.x
                    self._sink.write(*where, output.values)
                    if self._deviations is not None and output.deviation is not None:
                        self._deviations.write(*where, output.deviation)
                for _ in batch:
                    todo.popleft()
                yield self._advanced(len(batch))
                continue
            # Not in the except clause, where the traceback keeps the tensors of the failed batch alive.
            passes = self._plan.statistics_passes
            todo = deque(self._shrink(todo))
            axis_tilings = self._plan.axis_tilings_for(todo, *self._source.bounds)
            if self._plan.statistics_passes > passes:  # so far the window was the whole image
                more = len(self._statistics_tiles(todo[0].frame))
                self._left += self._plan.statistics_passes * more
                yield from self._gather_statistics(todo[0].frame)

    def _gather_statistics(self, frame: int) -> Iterator[Progress]:
        """Run passes that gather statistics of an image, if the networks need them and do not see all of it at once."""
        counted = self._counter.reasons.copy()
        for number in range(self._plan.statistics_passes):
            yield from self._statistics_pass(frame)
            changes = [statistics.end_pass() for statistics in self._statistics]
            if max(changes, default=0.0) <= self._plan.tolerance:
                spared = self._plan.statistics_passes - number - 1
                self._left -= spared * len(self._statistics_tiles(frame))
                break
        self._counter.reasons = counted  # outputs of these passes are not used

    def _statistics_tiles(self, frame: int) -> list[Tile]:
        tiles = cut_tiles(1, *self._source.bounds, self._plan.statistics_plan.tile)
        return [tile._replace(frame=frame) for tile in tiles]

    def _statistics_pass(self, frame: int) -> Iterator[Progress]:
        for statistics in self._statistics:
            statistics.start_pass()
        tiles = self._statistics_tiles(frame)
        axis_tilings = self._plan.statistics_plan.axis_tilings_for(tiles, *self._source.bounds)
        for first in range(0, len(tiles), self._plan.batch):
            batch = tiles[first : first + self._plan.batch]
            try:
                self._processor.gather_statistics(batch, axis_tilings)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                yield self._advanced(len(batch))
                continue
            # From the start again, so that no tile is counted twice.
            self._shrink([])
            self._left += len(self._statistics_tiles(frame)) - len(tiles) + first
            yield from self._statistics_pass(frame)
            return

    def _advanced(self, count: int) -> Progress:
        self._done += count
        self._left = max(0, self._left - count)
        return Progress(self._done, self._done + self._left, tuple(self._messages))

    def _shrink(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Go on with a plan that needs less memory, and cut the tiles for it."""
        plan, message = _smaller(self._plan)
        self._messages[message] = None
        self._prepare(plan)
        return self._cut(tiles)

    def _cut(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Tiles no longer than those of the plan, which may have been made smaller since they were cut."""
        before = list(tiles)
        longest = self._plan.tile
        after = [
            Tile(frame, row, column)
            for frame, y, x in before
            for row in split(y, longest[0])
            for column in split(x, longest[1])
        ]
        self._left += len(after) - len(before)
        return after

    def _prepare(self, plan: Plan) -> None:
        self._plan = plan
        runners, self._statistics = build_runners(
            plan, self._counter, self._repeated, self._statistics
        )
        self._processor = TileBatchProcessor(plan, self._source, self._ranges, runners)
        if plan.seams:
            message = (
                f"{plan.model_id} sees more than a tile and takes no tile positions, so seams may show between tiles; "
                "tile=None gives it the whole image"
            )
            self._messages[message] = None

    def _repeated(self, windows: int) -> None:
        self._repeats += windows
        self._messages["some tiles overflowed in low precision and were repeated in float32"] = None


def _smaller(plan: Plan) -> tuple[Plan, str]:
    """A plan that needs less memory, and what to tell the user.

    Raises
    ------
    DeviceError
        If there is none.
    """
    if plan.batch > 1:
        message = f"memory ran out with batches of {plan.batch} tiles; going on with smaller ones"
        return dataclasses.replace(plan, batch=plan.batch // 2), message
    height, width = map(min, plan.tile, plan.axes.size)
    if max(height, width) > _LEAST_TILE and plan.tiling != "never":
        message = (
            f"memory ran out with tiles of {height}x{width} pixels; going on with smaller ones"
        )
        half = (max(_LEAST_TILE, height // 2), max(_LEAST_TILE, width // 2))
        return dataclasses.replace(plan, tile=half), message
    if plan.device != "cpu":
        message = f"{plan.device} has too little free memory; going on on the CPU"
        return dataclasses.replace(plan, device="cpu", precision="float32"), message
    reason = (
        "which cannot be cut into tiles"
        if plan.tiling == "never"
        else "even with the smallest tiles"
    )
    raise DeviceError(f"too little memory is free for {plan.model_id}, {reason}")


class Interruptible(TorchFunctionMode):
    """Context in which a computation of this thread can be stopped within a tile, before any operation of torch.

    An operation takes milliseconds, a tile of a deep network seconds. A TorchScript network is a single operation,
    which is not interrupted.

    Parameters
    ----------
    stopped : callable
        Whether to stop; it is called very often, so it must be fast.

    Raises
    ------
    CancelledError
        Inside the context, once `stopped` returns True.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        super().__init__()
        self._stopped = stopped

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation unless the computation was stopped."""
        if self._stopped():
            raise CancelledError("cancelled")
        return func(*args, **(kwargs or {}))


Execution = Generator[Progress, None, UpscaleResult]
"""Yields the progress after each batch of tiles and returns the result; closing it cancels the run."""

_SHARE = 0.9
"""Share of the free memory that a result may take; tiles need some, too."""


def execute(plan: AnyPlan, image: ArrayLike) -> Execution:
    """Execute a plan.

    Parameters
    ----------
    plan : Plan or IsotropicPlan
        Made for this image.
    image : array_like
        Of the plan's shape and dtype; not changed.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles. Closing the generator stops the run.

    Returns
    -------
    UpscaleResult
        Its image is an array of shape ``plan.out_shape`` and dtype ``plan.dtype``. Where the plan asks for the
        uncertainty, its deviation is float32, or float64 for 64-bit images.

    Raises
    ------
    InputError
        If the image is not the one that was planned for.
    OutputTooLargeError
        If what must be held does not fit into the free memory.
    DeviceError
        If even the smallest tile does not fit.
    """
    array = np.asarray(image)
    if array.shape != plan.in_shape or array.dtype != plan.dtype:
        raise InputError(
            f"the plan is for {plan.dtype} {plan.in_shape}, not {array.dtype} {array.shape}"
        )
    check_memory(plan)
    yield Progress(0, plan.steps)
    if isinstance(plan, IsotropicPlan):
        enlarged, deviation, facts = yield from execute_isotropic(plan, array, _execute_2d)
    else:
        enlarged, deviation, facts = yield from _execute_2d(plan, array)
    log = RunLog()
    log.add(facts)
    return UpscaleResult(enlarged, plan, log, deviation)


def check_memory(plan: AnyPlan) -> None:
    """Check that all that a run holds as a whole fits into the free memory.

    Raises
    ------
    OutputTooLargeError
        If not; the message gives both sizes, and the way out.
    """
    free = free_memory("cpu")
    if plan.bytes_held > _SHARE * free:
        raise OutputTooLargeError(
            f"the result needs {format_bytes(plan.bytes_held)} of memory and {format_bytes(free)} are free; "
            "pass a dask or zarr array to upscale it piece by piece, or write OME-Zarr from the command line"
        )


def _execute_2d(
    plan: Plan, array: NDArray[Any]
) -> Generator[Progress, None, tuple[NDArray[Any], NDArray[Any] | None, Facts]]:
    """Enlarge Y and X."""
    deviation: NDArray[Any] | None = None
    if not plan.native_scales:
        if plan.uncertainty:
            deviation = np.zeros(array.shape, plan.deviation_dtype)
        return array.copy(), deviation, Facts()
    try:
        out = np.empty(plan.out_shape, plan.dtype)
        if plan.uncertainty:
            deviation = np.empty(plan.out_shape, plan.deviation_dtype)
    except MemoryError:  # the operating system had less than it reported
        check_memory(plan)
        raise
    source, sink = ImageStack(array, plan.axes), ImageStack(out, plan.out_axes)
    ranges = measure_ranges(
        source.by_channel(plan.axes.channels), plan.axes, plan.dtype, plan.intensity_range
    )
    tiles = cut_tiles(len(source), *source.bounds, plan.tile)
    deviations = None if deviation is None else ImageStack(deviation, plan.out_axes)
    facts = yield from TileLoop(plan, source, ranges, sink, deviations).run(tiles)
    if not facts.messages:  # otherwise the run was not the planned one
        learn_speed(plan, facts.seconds)
    return out, deviation, facts
