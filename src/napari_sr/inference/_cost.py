"""What a run costs: memory and arithmetic by counting, so that plans are reproducible, and time by measuring."""

from __future__ import annotations

import copy
import threading
import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from napari_sr.imaging import Axes
from napari_sr.inference._composite import FallbackCounter, build_runners
from napari_sr.inference._machine import is_out_of_memory
from napari_sr.inference._ranges import Ranges
from napari_sr.inference._runners import smallest_side
from napari_sr.inference._tile_batch import TileBatchProcessor
from napari_sr.inference._tiles import ImageStack, Span, Tile
from napari_sr.models import count_cost

if TYPE_CHECKING:
    from collections.abc import Hashable

    from torch import nn

    from napari_sr.inference._plan import Plan

__all__ = [
    "PeakTracker",
    "WindowCost",
    "known_speed",
    "learn_speed",
    "measure_speed",
    "window_cost",
]

_SIDES = (64, 128)
"""Sides of the images on which memory is counted: two, to part what grows with the image from what does not."""
_TIMED_SIDE = 96
"""Side of the image on which speed is measured: large enough to keep all cores busy, small enough for a moment."""
_TIMED_MACS = 2e10
"""Multiply-adds above which speed is not measured before a run: a second or so on a slow processor."""
_WINDOW_COPIES = 5
"""Images of a window's size that the engine holds while a network runs: as read, in the working type, in the network's
range, on its device, and the part outside that range."""
_OUTPUT_COPIES = 4
"""Images of an output's size that it holds after the network's tensors are gone: the output, its intensities, the
bicubic image of the part outside the range, and one intermediate result."""
_MACS_PER_BYTE = 20
"""Multiply-adds that take as long as the memory traffic of one byte of a tensor; counts for networks with few."""

_lock = threading.RLock()
_costs: weakref.WeakKeyDictionary[nn.Module, WindowCost] = weakref.WeakKeyDictionary()
_speeds: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, float]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class WindowCost:
    """Cost of a network for one window."""

    fixed_bytes: float
    """Memory that any window takes."""
    bytes_per_pixel: float
    """Memory that a window pixel takes in addition."""
    macs_per_pixel: float
    """Multiply-adds for a window pixel, and what its memory traffic is worth in them."""

    def memory(self, pixels: float) -> float:
        """Bytes for a batch of windows of so many pixels together."""
        return self.fixed_bytes + self.bytes_per_pixel * pixels


def window_cost(plan: Plan) -> WindowCost:
    """Cost of a plan's windows, counted without running anything where the networks allow.

    Parameters
    ----------
    plan : Plan
        With at least one native scale.

    Returns
    -------
    WindowCost
        For one flip or rotation. The same plan always has the same.
    """
    fixed = per_pixel = macs = 0.0
    area = 1  # of an image, relative to the window, as it enters a network
    for native in plan.native_scales:
        own = _network_cost(plan.model.network(native))
        # The networks of a cascade run one after the other, each on a larger image.
        fixed = max(fixed, own.fixed_bytes)
        per_pixel = max(per_pixel, own.bytes_per_pixel * area)
        macs += own.macs_per_pixel * area
        area *= native**2
    itemsize = 4 if plan.dtype.itemsize <= 2 or plan.dtype == np.float32 else 8
    image = plan.axes.samples * itemsize
    window, output = _WINDOW_COPIES * image, _OUTPUT_COPIES * image * area
    # Samples that run one by one share the memory, but not the time.
    repeats = plan.axes.colors if plan.model.card.color == "grey" else 1
    work = repeats * macs + _MACS_PER_BYTE * (per_pixel + window + output)
    return WindowCost(fixed, window + max(per_pixel, output), work)


def _network_cost(network: nn.Module) -> WindowCost:
    with _lock:
        if network not in _costs:
            _costs[network] = _counted(network)
        return _costs[network]


def _counted(network: nn.Module) -> WindowCost:
    least = smallest_side(network)
    sides = [max(side, least) for side in _SIDES]
    try:
        shadow = copy.deepcopy(network).to("meta")
        small, large = (_peak(shadow, side, "meta") for side in sides)
        macs = count_cost(network, sides[1], sides[1]).macs
    except (AssertionError, RuntimeError, NotImplementedError, TypeError):
        # A program that was compiled elsewhere runs on real tensors only, and its arithmetic cannot be counted.
        small, large = (_peak(network, side, "cpu") for side in sides)
        macs = 0
    few, many = sides[0] ** 2, sides[1] ** 2
    slope = (large - small) / (many - few) if large > small and many > few else large / many
    return WindowCost(max(0.0, small - slope * few), slope, macs / many)


def _peak(network: nn.Module, side: int, device: str) -> int:
    """Most bytes of tensors that exist at a time while a network runs on a square image."""
    image = torch.zeros(1, int(network.in_channels), side, side, device=device)  # type: ignore[arg-type]
    with torch.inference_mode(), PeakTracker() as tracker:
        network(image)
    return int(tracker.peak)


def known_speed(plan: Plan) -> float | None:
    """Seconds for each window pixel of a plan, without its self-ensemble, where it was measured before."""
    with _lock:
        return _speeds.get(plan.model.network(plan.native_scales[0]), {}).get(_cache_key(plan))


def learn_speed(plan: Plan, seconds: float) -> None:
    """Remember how long a whole run took, for later estimates."""
    pixels = plan.steps * plan.window[0] * plan.window[1] * (8 if plan.ensemble else 1)
    with _lock:
        network = plan.model.network(plan.native_scales[0])
        _speeds.setdefault(network, {})[_cache_key(plan)] = seconds / pixels


def measure_speed(plan: Plan) -> float | None:
    """Seconds for each window pixel of a plan, as `known_speed`, or measured now on a small image.

    None where that would take long, or memory does not suffice even for the small image.
    """
    known = known_speed(plan)
    side = max(
        _TIMED_SIDE // plan.native_scale,
        *(smallest_side(plan.model.network(n)) for n in plan.native_scales),
    )
    if known is not None or window_cost(plan).macs_per_pixel * side**2 > _TIMED_MACS:
        return known
    try:
        processor, tile, small = _processor(plan, side)
        processor.enlarge(
            [tile], small.axis_tilings
        )  # warms up: memory is allocated, kernels are chosen
        started = time.perf_counter()
        processor.enlarge([tile], small.axis_tilings)
        seconds = time.perf_counter() - started
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    learn_speed(replace(small, scale=plan.scale), seconds)
    return known_speed(plan)


def _cache_key(plan: Plan) -> Hashable:
    # The last resampling costs little, whatever the factor.
    native = plan.scale == (plan.native_scale,) * 2
    return plan.native_scales, plan.device, plan.precision, plan.axes.samples, native


def _processor(plan: Plan, side: int) -> tuple[TileBatchProcessor, Tile, Plan]:
    """What runs one small image that is one tile."""
    samples = plan.axes.samples
    letters, shape = ("YXS", (side, side, samples)) if samples > 1 else ("YX", (side, side))
    axes = Axes(letters, shape)
    small = replace(plan, axes=axes, tile=(side, side), ensemble=False, uncertainty=False, batch=1)
    image = np.random.default_rng(0).integers(0, 2, shape).astype(plan.dtype)
    ranges = Ranges(np.zeros((1, samples)), np.ones((1, samples)))
    runners, _ = build_runners(small, FallbackCounter(), lambda _: None)
    span = Span(0, side)
    return (
        TileBatchProcessor(small, ImageStack(image, axes), ranges, runners),
        Tile(0, span, span),
        small,
    )


class PeakTracker(TorchFunctionMode):
    """Counts the bytes of tensors made in the context by this thread, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        """Most bytes at one time."""
        self._now = 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count the tensors that it made."""
        out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(made, torch.Tensor):
                self._count(made.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._seen:
            return
        self._seen.add(storage)
        size = storage.nbytes()
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self._now -= size
