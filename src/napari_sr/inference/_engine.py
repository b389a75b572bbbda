"""Engine: executes a plan batch by batch, and tells after each how far it is."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sr.errors import DeviceError, InputError
from napari_sr.inference._build import build_runner
from napari_sr.inference._frames import Frames
from napari_sr.inference._memory import check_output, is_out_of_memory
from napari_sr.inference._ranges import Ranges, measure_ranges
from napari_sr.inference._step import Result, Step
from napari_sr.inference._tiles import Tile, cut_tiles, split

if TYPE_CHECKING:
    from napari_sr.inference._plan import Plan

_LEAST_TILE = 16
_log = logging.getLogger("napari_sr")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Tiles that are done."""
    total: int
    """Tiles in all; it grows when memory runs out and tiles are made smaller."""


Run = Generator[Progress, None, NDArray[Any]]


def run(plan: Plan, image: ArrayLike) -> Run:
    """Execute a plan.

    Parameters
    ----------
    plan : Plan
        Made for this image.
    image : array_like
        Of the plan's shape and dtype; not changed.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles. Closing the generator stops the run.

    Returns
    -------
    array
        The enlarged image, shape ``plan.out_shape``, dtype ``plan.dtype``.

    Raises
    ------
    InputError
        If the image is not the one that was planned for.
    OutputTooLargeError
        If the output does not fit into the free memory.
    DeviceError
        If even the smallest tile does not fit.
    """
    array = np.asarray(image)
    if array.shape != plan.in_shape or array.dtype != plan.dtype:
        raise InputError(
            f"the plan is for {plan.dtype} {plan.in_shape}, not {array.dtype} {array.shape}"
        )
    check_output(plan)
    yield Progress(0, plan.n_tiles)
    if not plan.passes:
        return array.copy()
    try:
        out = np.empty(plan.out_shape, plan.dtype)
    except MemoryError:  # the operating system had less than it said
        check_output(dataclasses.replace(plan, scale=plan.scale))
        raise
    source, sink = Frames(array, plan.axes), Frames(out, plan.out_axes)
    ranges = measure_ranges(source, plan.axes, plan.dtype, plan.intensity_range)
    tiles = cut_tiles(len(source), *source.bounds, plan.tile)
    yield from execute(
        plan, source, ranges, tiles, lambda r: sink.write(r.frame, r.y, r.x, r.values)
    )
    return out


def execute(
    plan: Plan,
    source: Frames,
    ranges: Ranges,
    tiles: Iterable[Tile],
    write: Callable[[Result], None],
) -> Generator[Progress, None, None]:
    """Enlarge tiles batch by batch; where memory runs out, go on from there with smaller ones.

    Parameters
    ----------
    plan : Plan
        What to do.
    source : Frames
        Where to read.
    ranges : Ranges
        Intensities.
    tiles : iterable of Tile
        What to do it to.
    write : callable
        Takes each tile's result.

    Yields
    ------
    Progress
        After every batch.
    """
    said: set[str] = set()

    def say(text: str) -> None:
        if text not in said:
            said.add(text)
            _log.warning(text)

    todo, done = deque(tiles), 0
    step = Step(plan, source, ranges, build_runner(plan, say))
    while todo:
        batch = list(islice(todo, plan.batch))
        try:
            results = step(batch, plan.cuts_within(*source.bounds))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = _smaller(plan, say)
        else:
            for result in results:
                write(result)
            for _ in batch:
                todo.popleft()
            done += len(batch)
            yield Progress(done, done + len(todo))
            continue
        # Outside the except block, where the traceback would keep the tensors of the failed batch alive.
        todo = deque(_divided(todo, smaller.tile))
        plan, step = smaller, Step(smaller, source, ranges, build_runner(smaller, say))


def _smaller(plan: Plan, say: Callable[[str], None]) -> Plan:
    """A plan that needs less memory."""
    if plan.batch > 1:
        say(f"memory ran out with batches of {plan.batch} tiles; going on with smaller ones")
        return dataclasses.replace(plan, batch=plan.batch // 2)
    window = plan.window
    if max(plan.tile) > _LEAST_TILE and max(window) > _LEAST_TILE + 2 * plan.halo:
        say(f"memory ran out with tiles of {max(plan.tile)} pixels; going on with smaller ones")
        height, width = (min(n, size) for n, size in zip(plan.tile, plan.axes.size, strict=True))
        half = (max(_LEAST_TILE, height // 2), max(_LEAST_TILE, width // 2))
        return dataclasses.replace(plan, tile=half)
    if plan.device != "cpu":
        say(f"{plan.device} has too little memory free; going on on the CPU")
        return dataclasses.replace(plan, device="cpu", precision="float32")
    raise DeviceError(
        f"too little memory is free for {plan.model_id}, even with the smallest tiles"
    )


def _divided(tiles: Iterable[Tile], tile: tuple[int, int]) -> Iterable[Tile]:
    for frame, y, x in tiles:
        for row in split(y, tile[0]):
            for column in split(x, tile[1]):
                yield Tile(frame, row, column)
