"""Sweep: goes over tiles batch by batch, and where memory runs out goes on from there with smaller ones."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING

from napari_sr.errors import DeviceError
from napari_sr.inference._build import build_runners
from napari_sr.inference._guard import Tally
from napari_sr.inference._memory import is_out_of_memory
from napari_sr.inference._step import Step
from napari_sr.inference._tiles import Tile, cut_tiles, split

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from napari_sr.inference._frames import Frames
    from napari_sr.inference._plan import Plan
    from napari_sr.inference._ranges import Ranges
    from napari_sr.inference._statistics import GlobalStatistics

_LEAST_TILE = 16
_log = logging.getLogger("napari_sr")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: int
    """Tiles that are done; a tile that is looked at before it is enlarged counts again."""
    total: int
    """Tiles in all; it grows when memory runs out and tiles are made smaller."""


class Sweep:
    """Enlarges tiles of a stack.

    Parameters
    ----------
    plan : Plan
        What to do.
    source, sink : Frames
        Where to read and to write.
    ranges : Ranges
        Intensities of the stack.
    deviations : Frames, optional
        Where to write standard deviations.
    """

    def __init__(
        self,
        plan: Plan,
        source: Frames,
        ranges: Ranges,
        sink: Frames,
        deviations: Frames | None = None,
    ) -> None:
        self._plan, self._source, self._ranges, self._sink = plan, source, ranges, sink
        self._deviations = deviations
        self._said: set[str] = set()
        self._done = self._left = 0
        self._statistics: list[GlobalStatistics] = []
        self._tally = Tally()
        self._prepare(plan)

    def run(self, tiles: Iterable[Tile]) -> Generator[Progress, None, None]:
        """Enlarge tiles, in the order of their frames; yields after every batch."""
        todo = list(tiles)
        frames = len({tile.frame for tile in todo})
        self._left = len(todo) + frames * self._plan.looks * len(self._look_tiles(0))
        # What is known of a whole image holds for that image alone; without such, all are one group.
        whole = self._plan.statistics_layers == 0
        for frame, group in groupby(todo, (lambda tile: 0) if whole else attrgetter("frame")):
            for statistics in self._statistics:
                statistics.forget()
            yield from self._look(frame)
            yield from self._enlarge(group)
        self._tally.average(self._step.answers)
        if self._tally.pixels:
            self._say(
                f"bicubic stands in for {self._tally.pixels} pixels where {self._plan.model_id} "
                f"strayed from the image, as hot pixels, noise or fine patterns make it: {self._tally.why}",
                replaced=self._tally.reasons,
            )

    def _enlarge(self, tiles: Iterable[Tile]) -> Iterator[Progress]:
        todo = deque(self._cut(tiles))
        cuts = self._plan.cuts_for(todo, *self._source.bounds)
        while todo:
            batch = list(islice(todo, self._plan.batch))
            try:
                results = self._step.enlarge(batch, cuts)
            except (MemoryError, RuntimeError) as error:
                self._check(error)
            else:
                for result in results:
                    self._sink.write(result.frame, result.y, result.x, result.values)
                    if self._deviations is not None and result.deviation is not None:
                        where = result.frame, result.y, result.x
                        self._deviations.write(*where, result.deviation)
                for _ in batch:
                    todo.popleft()
                yield self._advanced(len(batch))
                continue
            # Not in the except clause, where the traceback keeps the tensors of the failed batch alive.
            looked = self._plan.looks
            todo = deque(self._shrink(todo))
            cuts = self._plan.cuts_for(todo, *self._source.bounds)
            if self._plan.looks > looked:  # so far the window was the whole image
                self._left += self._plan.looks * len(self._look_tiles(todo[0].frame))
                yield from self._look(todo[0].frame)

    def _look(self, frame: int) -> Iterator[Progress]:
        """Let the networks learn the statistics of an image, if they need them and do not see all of it at once."""
        counted = self._tally.reasons.copy()
        for number in range(self._plan.looks):
            yield from self._observe(frame)
            changes = [statistics.stop() for statistics in self._statistics]
            if max(changes, default=0.0) <= self._plan.settled:
                spared = self._plan.looks - number - 1
                self._left -= spared * len(self._look_tiles(frame))
                break
        self._tally.reasons = counted

    def _look_tiles(self, frame: int) -> list[Tile]:
        bounds = self._source.bounds
        return [tile._replace(frame=frame) for tile in cut_tiles(1, *bounds, self._plan.look.tile)]

    def _observe(self, frame: int) -> Iterator[Progress]:
        for statistics in self._statistics:
            statistics.start()
        tiles = self._look_tiles(frame)
        cuts = self._plan.look.cuts_for(tiles, *self._source.bounds)
        for first in range(0, len(tiles), self._plan.batch):
            batch = tiles[first : first + self._plan.batch]
            try:
                self._step.observe(batch, cuts)
            except (MemoryError, RuntimeError) as error:
                self._check(error)
            else:
                yield self._advanced(len(batch))
                continue
            # From the start again, lest a tile be counted twice.
            self._shrink([])
            self._left += len(self._look_tiles(frame)) - len(tiles) + first
            yield from self._observe(frame)
            return

    def _advanced(self, count: int) -> Progress:
        self._done += count
        self._left = max(0, self._left - count)
        return Progress(self._done, self._done + self._left)

    def _check(self, error: BaseException) -> None:
        if not is_out_of_memory(error):
            raise error

    def _shrink(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Go on with a plan that needs less memory; the tiles cut for it."""
        self._prepare(_smaller(self._plan, self._say))
        return self._cut(tiles)

    def _cut(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Tiles that are no longer than the plan's: it may have been made smaller since they were cut."""
        before = list(tiles)
        after = list(_divided(before, self._plan.tile))
        self._left += len(after) - len(before)
        return after

    def _prepare(self, plan: Plan) -> None:
        self._plan = plan
        runners, self._statistics = build_runners(plan, self._say, self._tally, self._statistics)
        self._step = Step(plan, self._source, self._ranges, runners)
        if plan.seams:
            self._say(
                f"{plan.model_id} sees more than a tile and cannot be told where one lies: seams may show between "
                "tiles; tile=None gives it the whole image"
            )

    def _say(self, text: str, **facts: object) -> None:
        if text not in self._said:
            self._said.add(text)
            _log.warning(text, extra=facts)


def _smaller(plan: Plan, say: Callable[[str], None]) -> Plan:
    """A plan that needs less memory."""
    if plan.batch > 1:
        say(f"memory ran out with batches of {plan.batch} tiles; going on with smaller ones")
        return dataclasses.replace(plan, batch=plan.batch // 2)
    height, width = (min(n, size) for n, size in zip(plan.tile, plan.axes.size, strict=True))
    if max(height, width) > _LEAST_TILE and plan.tiling != "never":
        say(f"memory ran out with tiles of {height}x{width} pixels; going on with smaller ones")
        half = (max(_LEAST_TILE, height // 2), max(_LEAST_TILE, width // 2))
        return dataclasses.replace(plan, tile=half)
    if plan.device != "cpu":
        say(f"{plan.device} has too little memory free; going on on the CPU")
        return dataclasses.replace(plan, device="cpu", precision="float32")
    raise DeviceError(
        f"too little memory is free for {plan.model_id}, "
        + (
            "which cannot be cut into tiles"
            if plan.tiling == "never"
            else "even with the smallest tiles"
        )
    )


def _divided(tiles: Iterable[Tile], tile: tuple[int, int]) -> Iterator[Tile]:
    for frame, y, x in tiles:
        for row in split(y, tile[0]):
            for column in split(x, tile[1]):
                yield Tile(frame, row, column)
