"""The planner: decides tile, batch, device and precision from the image, the options and the memory that is free.

A plan is reproducible: it follows from counted costs and free memory alone. Measured speed serves the estimate of time.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

from napari_sr._dask import active_client, use_worker_threads
from napari_sr.architectures.context import ContextNetwork
from napari_sr.errors import DeviceError, InputError
from napari_sr.imaging import Axes, check_dtype, parse_axes
from napari_sr.inference import _composite
from napari_sr.inference._cost import WindowCost, known_speed, measure_speed, window_cost
from napari_sr.inference._isotropic import plan_isotropic
from napari_sr.inference._machine import (
    free_memory,
    has_bfloat16,
    has_fast_bfloat16,
    resolve_device,
)
from napari_sr.inference._plan import WIDE_CONTEXT, Plan
from napari_sr.inference._resample import AxisResampler
from napari_sr.models import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import DTypeLike

    from napari_sr.inference._options import TileOption, UpscaleOptions
    from napari_sr.inference._plan import AnyPlan
    from napari_sr.models import Model, Tiling

__all__ = ["choose_native_scales", "make_plan", "plan_on_worker"]

_SIDES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Tile sides that are considered, in steps of about sqrt(2): finer ones change little."""
_MEMORY_SHARE = 0.5
"""Share of the free memory that tiles may take; what allocators and libraries take beside it is not counted."""
_LEAST_MEMORY_SHARE = 0.05
"""Share of the free memory that tiles may take even where the output needs nearly all of it."""
_LAZY_BYTES = 2.0**30
"""Bytes of main memory that tiles may take of an image that is read and written in blocks so as to need little."""
_TILE_OVERHEAD = 5e7
"""Multiply-adds that take as long as the constant work for a tile: about a millisecond on two cores."""
_PROGRESS_MACS = {"cpu": 1e11, "other": 4e12}
"""Multiply-adds of a batch after which progress should show: about two seconds on two cores, or on a graphics card."""
_NEAR_BEST = 1.05
"""Cost, relative to the best, at which larger and fewer tiles are preferred."""
_BATCH_PIXELS = {"cpu": 2**14, "other": 2**18}
"""Window pixels of a batch that keep a device busy."""
_BATCH = 64
"""Most tiles in a batch: more of them bring no gain."""
_BICUBIC_HALO = 2
"""Radius of the bicubic kernel in input pixels."""
_STRICTEST_FIRST: tuple[Tiling, ...] = ("never", "discouraged")
"""Restrictions on tiles; of several networks the strictest counts."""


def make_plan(
    shape: Sequence[int],
    dtype: DTypeLike,
    axes: str | None,
    options: UpscaleOptions,
    *,
    spacing: float | None = None,
    lazy: bool = False,
    measure: bool = True,
) -> AnyPlan:
    """Decide how an image will be upscaled, without doing it.

    Parameters
    ----------
    shape : sequence of int
        Of the image.
    dtype : dtype
        Of the image.
    axes : str or None
        One letter a dimension; None for the default ones.
    options : UpscaleOptions
        What is asked.
    spacing : float, optional
        Distance of two planes in pixels, as the image tells it; ``options.z_spacing`` takes precedence.
    lazy : bool
        Whether the image is read and written in blocks.
    measure : bool
        Measure the speed on a small image, for the estimate of time, if it is not known yet.

    Returns
    -------
    Plan or IsotropicPlan
        The same arguments and free memory give the same, but for the estimate of time.

    Raises
    ------
    InputError
        If the image or an option cannot be used.
    DeviceError
        If the device or precision does not exist here.
    ModelNotFoundError, ModelLoadError
        If the model cannot be loaded.
    """
    kind, parsed = check_dtype(dtype), parse_axes(axes, shape)
    if 0 in shape:
        raise InputError(f"the image is empty: its shape is {tuple(shape)}")
    whole = next((name for name in ("isotropic", "uncertainty") if getattr(options, name)), None)
    if lazy and whole:
        raise InputError(f"{whole} needs the whole image in memory; pass numpy.asarray(image)")
    decide = partial(
        _plan_2d, options=options, model=load_model(options.model), lazy=lazy, measure=measure
    )
    base = decide(parsed, kind, options.factors, options.intensity_range)
    if not options.isotropic:
        return base
    spacing = spacing if options.z_spacing is None else options.z_spacing
    if "Z" in parsed.letters and spacing is None:
        raise InputError(
            "the distance of planes is unknown; pass z_spacing, in pixels, or set the pixel sizes along Z, Y and X"
        )
    return plan_isotropic(base, spacing or 1.0, decide)


def plan_on_worker(image: Any, options: UpscaleOptions, axes: str | None) -> AnyPlan:
    """Plan a lazy image for the machines that will execute it: their devices, their memory.

    Parameters
    ----------
    image : dask array
        Nothing of it is read.
    options : UpscaleOptions
        What is asked.
    axes : str or None
        As for `make_plan`.

    Returns
    -------
    Plan
        Made by a worker where a cluster is in use, else here.
    """
    shape = tuple(image.shape)
    client = active_client()
    if client is None:
        return make_plan(shape, image.dtype, axes, options, lazy=True)
    # The model of this machine's catalog, not of the worker's.
    chosen = replace(options, model=load_model(options.model))
    made: AnyPlan = client.submit(_plan_here, shape, image.dtype, axes, chosen, pure=False).result()
    return made


def _plan_here(
    shape: tuple[int, ...], dtype: np.dtype[Any], axes: str | None, options: UpscaleOptions
) -> AnyPlan:
    use_worker_threads()
    return make_plan(shape, dtype, axes, options, lazy=True)


def _plan_2d(
    axes: Axes,
    dtype: np.dtype[Any],
    scale: tuple[float, float],
    intensity_range: tuple[float, float] | None,
    *,
    options: UpscaleOptions,
    model: Model,
    lazy: bool,
    measure: bool,
) -> Plan:
    """Plan for Y and X."""
    device = resolve_device(options.device)
    native_scales = choose_native_scales(scale, model.scales)
    tile, tiling = _allowed_tile(options.tile, model, native_scales)
    draft = Plan(
        model=model,
        model_id=model.id,
        scale=scale,
        native_scales=native_scales,
        axes=axes,
        dtype=dtype,
        device=device,
        precision=_precision(options.precision, device, model, native_scales, dtype),
        tile=axes.size if isinstance(tile, str) or tile is None else _within(tile, axes.size),
        halo=_halo(model, native_scales, scale, axes.size),
        batch=1,
        ensemble=options.ensemble,
        uncertainty=options.uncertainty,
        intensity_range=intensity_range,
        alignment=math.lcm(1, *(_attribute(model, n, "alignment", 1) for n in native_scales)),
        tiling=tiling,
        statistics_layers=sum(_attribute(model, n, "statistics_layers", 0) for n in native_scales),
        tile_mode=options.tile_mode,
    )
    if not native_scales:
        return draft
    cost, budget = window_cost(draft), _tile_budget(draft, lazy=lazy)
    chosen = with_batch(with_tile(draft, cost, budget) if tile == "auto" else draft, cost, budget)
    height, width = chosen.window
    speed = (measure_speed if measure else known_speed)(chosen)
    pixels = chosen.steps * height * width * (8 if chosen.ensemble else 1)
    return replace(
        chosen,
        memory=round(cost.memory(chosen.batch * height * width)),
        seconds=None if speed is None else speed * pixels,
    )


def choose_native_scales(scale: tuple[float, float], native: Sequence[int]) -> tuple[int, ...]:
    """Native scales to run one after the other until the image is large enough.

    Parameters
    ----------
    scale : pair of float
        Along Y and X.
    native : sequence of int
        The model's.

    Returns
    -------
    tuple of int
        The fewest whose product reaches the larger factor, of these the smallest product; ascending, because each
        network works on the image that the one before enlarged. Empty for a factor of 1.

    Raises
    ------
    InputError
        If the model enlarges nothing.
    """
    wanted, count = max(scale), 0
    if wanted > 1 and max(native) < 2:
        raise InputError(
            "this model keeps the size of an image and cannot upscale; choose another one"
        )
    while max(native) ** count < wanted:
        count += 1
    choices = combinations_with_replacement(sorted(native), count)
    return min((c for c in choices if math.prod(c) >= wanted), key=math.prod)


def _within(tile: Any, size: tuple[int, int]) -> tuple[int, int]:
    height, width = map(min, tile, size)
    return height, width


def _allowed_tile(
    asked: TileOption, model: Model, native_scales: Sequence[int]
) -> tuple[TileOption, Tiling]:
    """The tile that was asked for, or the whole image for networks that cannot be given parts of one."""
    stated = {model.tiling(native) for native in native_scales}
    tiling: Tiling = next((each for each in _STRICTEST_FIRST if each in stated), "allowed")
    if tiling != "never":
        return asked, tiling
    if asked not in ("auto", None):
        raise InputError(
            f"images for {model.id} cannot be cut into tiles; leave tile out, or pass None"
        )
    return None, tiling


def _precision(
    asked: str, device: str, model: Model, native_scales: Sequence[int], dtype: np.dtype[Any]
) -> str:
    """The precision to compute in."""
    if asked == "auto":
        # Only where the dtype of the image cannot show the difference, and the device gains by it.
        able = all("bfloat16" in _precisions(model, native) for native in native_scales)
        low = (
            model.card.bfloat16_safe and dtype.itemsize == 1 and able and has_fast_bfloat16(device)
        )
        return "bfloat16" if low else "float32"
    if asked == "bfloat16" and not has_bfloat16(device):
        raise DeviceError(f"{device} cannot compute in bfloat16; choose float32 or float16")
    for native in native_scales:
        able_in = _precisions(model, native)
        if asked not in able_in:
            choice = " or ".join(sorted(able_in))
            raise DeviceError(f"{model.id} cannot run in {asked}; choose {choice}")
    return asked


def _precisions(model: Model, native: int) -> frozenset[str]:
    """Precisions in which a network works; those of other authors state theirs."""
    every = frozenset({"float32", "bfloat16", "float16"})
    stated: frozenset[str] = getattr(model.network(native), "precisions", every)
    return stated


def _halo(
    model: Model, native_scales: Sequence[int], scale: tuple[float, float], size: tuple[int, int]
) -> int:
    """Context in input pixels that all networks and the final resampling need together."""
    reach, done = 0, 1
    for native in native_scales:
        reach += math.ceil(_network_halo(model, native) / done)
        done *= native
    margins = (AxisResampler(n, factor, done).margin for n, factor in zip(size, scale, strict=True))
    return reach + max(margins) if native_scales else 0


def _network_halo(model: Model, native: int) -> int:
    if model.card.architecture == "bicubic":
        return _BICUBIC_HALO
    # The receptive field of attention is the whole image, or so large that measuring it would take too long.
    network = model.network(native)
    own = network.reach if isinstance(network, ContextNetwork) else model.halo(native)
    return (WIDE_CONTEXT if own is None else own) + _composite.RADIUS


def _attribute(model: Model, native: int, name: str, default: int) -> int:
    return int(getattr(model.network(native), name, default))


def _tile_budget(plan: Plan, *, lazy: bool) -> float:
    """Memory budget for tiles, in bytes, after reserving space for what is held as a whole."""
    free = free_memory(plan.device)
    on_card = plan.device.startswith("cuda")
    held = 0 if lazy or on_card else plan.bytes_held
    share = max(_MEMORY_SHARE * (free - held), _LEAST_MEMORY_SHARE * free)
    return min(share, _LAZY_BYTES) if lazy and not on_card else share


def with_tile(plan: Plan, cost: WindowCost, budget: float) -> Plan:
    """The plan with the best tile whose window fits into a number of bytes.

    Networks that want wide context get tiles as large as memory allows: whole images are exact, and their context
    costs much. For the others the work of halos is weighed against the time without a sign of progress.
    """
    candidates = list(_candidates(plan))
    fitting = [each for each in candidates if cost.memory(math.prod(each.window)) <= budget]
    if not fitting:
        return min(candidates, key=lambda each: math.prod(each.window))
    if plan.wants_wide_context:
        return fitting[-1]
    costs = [_penalized_work(each, cost) for each in fitting]
    near = [i for i, each in enumerate(costs) if each <= _NEAR_BEST * min(costs)]
    return fitting[near[-1]]


def with_batch(plan: Plan, cost: WindowCost, budget: float) -> Plan:
    """The plan with as many tiles at once as keep the device busy, within a number of bytes."""
    pixels = math.prod(plan.window)
    batch = min(plan.n_tiles, _of_device(_BATCH_PIXELS, plan.device) // pixels, _BATCH)
    while batch > 1 and cost.memory(batch * pixels) > budget:
        batch //= 2
    return replace(plan, batch=int(max(1, batch)))


def _of_device(values: dict[str, Any], device: str) -> Any:
    return values["cpu" if device == "cpu" else "other"]


def _candidates(plan: Plan) -> Iterator[Plan]:
    """The plan with square tiles of growing size, up to the whole image; each is as small as its number allows."""
    height, width = plan.axes.size
    last = None
    for side in (*_SIDES, max(height, width)):
        tiled = replace(plan, tile=(min(side, height), min(side, width)))
        if tiled.largest_tile != last:
            last = tiled.largest_tile
            yield replace(plan, tile=last)


def _penalized_work(plan: Plan, cost: WindowCost) -> float:
    """Work of the whole run, multiplied by sqrt(tile / limit) for tiles above a limit: progress stays visible."""
    tile = math.prod(plan.window) * cost.macs_per_pixel * (8 if plan.ensemble else 1)
    limit = _of_device(_PROGRESS_MACS, plan.device)
    return plan.n_tiles * (tile + _TILE_OVERHEAD) * math.sqrt(max(1.0, tile / limit))
