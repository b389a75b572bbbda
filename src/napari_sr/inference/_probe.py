"""Probe: runs a model on small images to learn its cost, once for each way to run it."""

from __future__ import annotations

import math
import threading
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_sr.imaging import Axes
from napari_sr.inference._build import build_runners
from napari_sr.inference._cost import Cost
from napari_sr.inference._frames import Frames
from napari_sr.inference._guard import Tally
from napari_sr.inference._memory import is_out_of_memory
from napari_sr.inference._networks import smallest_side
from napari_sr.inference._ranges import Ranges
from napari_sr.inference._step import Step
from napari_sr.inference._tiles import Span, Tile
from napari_sr.inference._tracker import PeakTracker

if TYPE_CHECKING:
    from collections.abc import Hashable

    from torch import nn

    from napari_sr.inference._plan import Plan

_BUDGET = 0.4
"""Seconds that all probes of one model may take together."""
_SHORT = 0.02
_FIRST, _LAST = 32, 512
"""Sides of the smallest and the largest probe."""

_costs: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, Cost]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def known_cost(plan: Plan) -> Cost | None:
    """Cost of a plan's windows if it was measured before."""
    return _costs.get(plan.model.network(plan.passes[0]), {}).get(_way(plan))


def measured_cost(plan: Plan) -> Cost | None:
    """Cost of a plan's windows, without the self-ensemble; measured in less than half a second, once.

    None where there is too little memory even for the smallest probe: a run goes on with ever smaller tiles then, and
    in the end on the CPU.
    """
    with _lock:
        network = plan.model.network(plan.passes[0])
        costs = _costs.setdefault(network, {})
        way = _way(plan)
        if way not in costs and (cost := _measure(plan)) is not None:
            costs[way] = cost
        return costs.get(way)


def _way(plan: Plan) -> Hashable:
    # The last resampling costs little, whatever the factor.
    native = plan.scale == (plan.native_scale,) * 2
    return plan.passes, plan.device, plan.precision, plan.axes.samples, native


def _measure(plan: Plan) -> Cost | None:
    least = max(smallest_side(plan.model.network(native)) for native in plan.passes)
    # The later passes of a cascade work on a larger image.
    side = max(least, _FIRST * 2 // max(plan.passes[0], plan.native_scale // 2))
    end = time.perf_counter() + _BUDGET
    times: list[tuple[int, float]] = []
    sizes: list[tuple[int, int]] = []
    while side <= _LAST:
        try:
            step, tiles, whole = _step(plan, side)
            peak = _peak(step, tiles, whole) if len(sizes) < 2 else None  # warms up as well
            times.append((side**2, _quickest(step, tiles, whole)))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            break
        if peak is not None:
            sizes.append((side**2, peak))
        side *= 2
        # The next takes four times as long, and half of the time may go into warming up.
        if time.perf_counter() + 8 * times[-1][1] > end and len(times) > 1:
            break
        if times[-1][1] > _BUDGET / 4:
            break
    if not sizes:
        return None
    (few, small), (many, large) = sizes[0], sizes[-1]
    slope = (large - small) / (many - few) if large > small else large / many
    return Cost(tuple(times), max(0.0, small - slope * few), slope)


def _quickest(step: Step, tiles: list[Tile], plan: Plan) -> float:
    """Seconds of a run: of the quickest of three if they are short, since others use the processor, too."""
    best = math.inf
    for _ in range(3):
        started = time.perf_counter()
        step.enlarge(tiles, plan.cuts)
        best = min(best, time.perf_counter() - started)
        if best > _SHORT:
            break
    return best


def _step(plan: Plan, side: int) -> tuple[Step, list[Tile], Plan]:
    """A run over one small image that is one tile."""
    samples = plan.axes.samples
    letters, shape = ("YXS", (side, side, samples)) if samples > 1 else ("YX", (side, side))
    axes = Axes(letters, shape)
    whole = replace(plan, axes=axes, tile=(side, side), ensemble=False, uncertainty=False, batch=1)
    image = np.random.default_rng(0).integers(0, 2, shape).astype(plan.dtype)
    ranges = Ranges(np.zeros((1, samples)), np.ones((1, samples)))
    runners, _ = build_runners(whole, lambda _: None, Tally())
    span = Span(0, side)
    return Step(whole, Frames(image, axes), ranges, runners), [Tile(0, span, span)], whole


def _peak(step: Step, tiles: list[Tile], plan: Plan) -> int:
    """Bytes that a run holds at most."""
    if plan.device.startswith("cuda"):
        before = torch.cuda.memory_allocated(plan.device)
        torch.cuda.reset_peak_memory_stats(plan.device)
        step.enlarge(tiles, plan.cuts)
        peak: int = torch.cuda.max_memory_allocated(plan.device) - before
        return peak
    with PeakTracker() as tracker:
        step.enlarge(tiles, plan.cuts)
    return int(tracker.peak)
