"""Planner: decides tile, batch, device and precision from the image, the model and what is free."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_sr.architectures.frame import FramedNetwork
from napari_sr.inference import _guard
from napari_sr.inference._abilities import check_precision, without_tiles_where_none_fit
from napari_sr.inference._arrays import is_lazy
from napari_sr.inference._choose import (
    prefers_bfloat16,
    tile_budget,
    with_batch,
    with_estimates,
    with_tile,
)
from napari_sr.inference._device import resolve_device
from napari_sr.inference._isotropic import with_sides
from napari_sr.inference._options import (
    TileOption,
    check_whole,
    describe_image,
    first_tile,
    open_model,
    parse_range,
    parse_tile,
    parse_tile_mode,
)
from napari_sr.inference._plan import FAR, Plan
from napari_sr.inference._precision import resolve_precision
from napari_sr.inference._probe import known_cost, measured_cost
from napari_sr.inference._scale import choose_passes, parse_scale
from napari_sr.inference._zoom import Zoom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import DTypeLike

    from napari_sr.inference._cost import Cost
    from napari_sr.models import Model

_BICUBIC_HALO = 2
_UNMEASURED = 256
"""Tile on the CPU where nothing is known of a model's cost."""

_MEASURABLE = 32
"""Native scale above which nothing is measured."""


def plan(
    image: Any,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    axes: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: TileOption = "auto",
    ensemble: bool = False,
    *,
    dtype: DTypeLike | None = None,
    intensity_range: tuple[float, float] | None = None,
    tile_mode: str = "seamless",
    isotropic: float | None = None,
    uncertainty: bool = False,
    measure: bool = True,
) -> Plan:
    """Decide how an image will be upscaled, without doing it.

    Parameters
    ----------
    image : array or tuple of int
        Anything with a shape and a dtype, or a shape together with `dtype`.
    scale, model, axes, device, precision, tile, ensemble, intensity_range, tile_mode, isotropic, uncertainty
        As for `napari_sr.upscale`.
    dtype : dtype, optional
        Of the image, where only its shape is given.
    measure : bool
        Measure time and memory on two small images if they are not known yet for this model, device and precision;
        it takes up to half a second. Without, they are taken from earlier measurements, or are None.

    Returns
    -------
    Plan
        Prints as one line.

    Raises
    ------
    InputError
        If the image or an option cannot be used.
    DeviceError
        If the device or precision does not exist here.
    ModelNotFoundError, ModelLoadError
        If the model cannot be had.
    """
    if isotropic is not None:
        decide = partial(
            plan,
            model=model,
            device=device,
            precision=precision,
            tile=tile,
            ensemble=ensemble,
            tile_mode=tile_mode,
            measure=measure,
        )
        check_whole(image, "isotropic", uncertainty)
        base = decide(image, scale, axes=axes, dtype=dtype, intensity_range=intensity_range)
        return with_sides(base, isotropic, decide)
    if uncertainty:
        check_whole(image, "uncertainty")
    parsed, kind = describe_image(image, axes, dtype)
    factors = parse_scale(scale)
    loaded = open_model(model)
    where = resolve_device(device)
    passes = choose_passes(factors, loaded.scales)
    size, tiling = without_tiles_where_none_fit(parse_tile(tile), loaded, passes)
    bits = resolve_precision(precision, where)
    check_precision(bits, loaded, passes)
    draft = Plan(
        model=loaded,
        model_id=loaded.id,
        scale=factors,
        passes=passes,
        axes=parsed,
        dtype=kind,
        device=where,
        precision=bits,
        tile=first_tile(size, parsed, _UNMEASURED if where == "cpu" else 2 * _UNMEASURED),
        halo=_halo(loaded, passes, factors, parsed.size),
        batch=1,
        ensemble=bool(ensemble) or bool(uncertainty),
        uncertainty=bool(uncertainty),
        intensity_range=parse_range(intensity_range),
        alignment=math.lcm(1, *(_fact(loaded, each, "alignment", 1) for each in passes)),
        tiling=tiling,
        statistics_layers=sum(_fact(loaded, n, "statistics_layers", 0) for n in passes),
        tile_mode=parse_tile_mode(tile_mode),
    )
    if not passes:
        return draft
    # Even the smallest image is a large one after many passes.
    learn = measured_cost if measure and draft.native_scale <= _MEASURABLE else known_cost
    if precision == "auto" and prefers_bfloat16(draft, learn):
        draft = replace(draft, precision="bfloat16")
    cost = learn(draft)
    return draft if cost is None else _fitted(draft, cost, size == "auto", is_lazy(image))


def _fitted(draft: Plan, cost: Cost, auto: bool, lazy: bool) -> Plan:
    """The plan with tile, batch and estimates that follow from its cost and the free memory."""
    budget = tile_budget(draft, lazy=lazy)
    tiled = with_tile(draft, cost, budget) if auto else draft
    return with_estimates(with_batch(tiled, cost, budget), cost)


def _halo(
    model: Model, passes: tuple[int, ...], scale: tuple[float, float], size: tuple[int, int]
) -> int:
    """Context in input pixels that all passes and the final resampling need together."""
    reach, done = 0, 1
    for native in passes:
        reach += math.ceil(_own_halo(model, native) / done)
        done *= native
    margins = (Zoom(n, factor, done).margin for n, factor in zip(size, scale, strict=True))
    return reach + max(margins) if passes else 0


def _own_halo(model: Model, native: int) -> int:
    if model.card.architecture == "bicubic":
        return _BICUBIC_HALO
    # Their receptive field is the whole image, or so large that nobody could wait for it to be measured.
    network = model.network(native)
    own = network.reach if isinstance(network, FramedNetwork) else model.halo(native)
    return (FAR if own is None else own) + _guard.RADIUS


def _fact(model: Model, native: int, name: str, default: int) -> int:
    return int(getattr(model.network(native), name, default))
