"""Choice of tile and batch: as quick as possible in the memory there is, and seldom long without a sign of life."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sr.inference._memory import free_memory
from napari_sr.inference._precision import bfloat16_is_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_sr.inference._cost import Cost
    from napari_sr.inference._plan import Plan

_SIDES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_SHARE = 0.5
"""Of the free memory, what the tiles may take."""
_LEAST_SHARE = 0.05
_LAZY = 2.0**30
"""Bytes of main memory that tiles of an image take which is read and written in blocks, so as to need little."""
_PATIENCE = 2.0
"""Seconds after which there should be a sign of progress."""
_NEAR = 1.15
_BATCH = 64
_MUCH = 0.8


def prefers_bfloat16(plan: Plan, learn: Callable[[Plan], Cost | None]) -> bool:
    """Whether a plan in float32 is as good in bfloat16, and much faster.

    Parameters
    ----------
    plan : Plan
        In float32.
    learn : callable
        Tells the cost of a plan, or None.

    Returns
    -------
    bool
        Graphics cards are taken to be faster; processors are measured.
    """
    if not bfloat16_is_safe(plan):
        return False
    if plan.device != "cpu":
        return True
    full, low = learn(plan), learn(replace(plan, precision="bfloat16"))
    if full is None or low is None:
        return False
    pixels = min(full.times[-1][0], low.times[-1][0])
    return low.seconds(pixels) < _MUCH * full.seconds(pixels)


def tile_budget(plan: Plan, *, lazy: bool) -> float:
    """Bytes that the tiles of a run may take on its device, beside the output if that is held."""
    free = free_memory(plan.device)
    held = 0 if lazy or plan.device.startswith("cuda") else plan.bytes_out
    share = max(_SHARE * (free - held), _LEAST_SHARE * free)
    return min(share, _LAZY) if lazy and not plan.device.startswith("cuda") else share


def with_tile(plan: Plan, cost: Cost, budget: float) -> Plan:
    """The plan with the best tile whose window fits into so many bytes.

    Tiles of a network that sees everything anyway are as large as memory allows: whole images are exact, and
    the context around tiles is large. For the others a pixel is cheapest where caches hold the window, and halos cost
    the less the larger the tile; small tiles in wide halos take several times as long as large ones.
    """
    candidates = list(_candidates(plan))
    fitting = [each for each in candidates if _memory(each, cost) <= budget]
    if not fitting:
        return min(candidates, key=lambda each: _memory(each, cost))
    if plan.sees_everything:
        return fitting[-1]
    burdens = [_burden(each, cost) for each in fitting]
    # Times are noisy; where they hardly differ, fewer tiles are better.
    near = [i for i, burden in enumerate(burdens) if burden <= _NEAR * min(burdens)]
    return fitting[near[-1]]


def with_batch(plan: Plan, cost: Cost, budget: float) -> Plan:
    """The plan with as many tiles at once as make a pixel cheapest, within so many bytes."""
    height, width = plan.window
    batch = min(plan.n_tiles, cost.best_pixels // (height * width), _BATCH)
    while batch > 1 and cost.memory(batch * height * width) > budget:
        batch //= 2
    return replace(plan, batch=max(1, batch))


def with_estimates(plan: Plan, cost: Cost) -> Plan:
    """The plan with what it will take."""
    ways = 8 if plan.ensemble else 1
    batches = plan.steps / plan.batch
    pixels = plan.batch * plan.window[0] * plan.window[1]
    return replace(
        plan,
        memory=round(cost.memory(pixels)),
        seconds=batches * ways * cost.seconds(pixels),
    )


def _candidates(plan: Plan) -> Iterator[Plan]:
    """The plan with square tiles, ever larger, up to the whole image, each no larger than its number of tiles asks."""
    height, width = plan.axes.size
    last = None
    for side in (*_SIDES, max(height, width)):
        tiled = replace(plan, tile=(min(side, height), min(side, width)))
        if tiled.largest_tile != last:
            last = tiled.largest_tile
            yield replace(plan, tile=last)


def _burden(plan: Plan, cost: Cost) -> float:
    """Seconds of the whole run, that weigh the more the longer there is no sign of life in between.

    Four times the silence is borne for half of the time.
    """
    silence = _batch_seconds(plan, cost)
    return plan.n_tiles * silence * math.sqrt(max(1.0, silence / _PATIENCE))


def _memory(plan: Plan, cost: Cost) -> float:
    return cost.memory(plan.window[0] * plan.window[1])


def _batch_seconds(plan: Plan, cost: Cost) -> float:
    return cost.seconds(plan.window[0] * plan.window[1]) * (8 if plan.ensemble else 1)
