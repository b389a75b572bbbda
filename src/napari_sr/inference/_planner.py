"""Planner: decides tile, batch, device and precision from the image, the model and what is free."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sr.architectures.frame import FramedNetwork
from napari_sr.errors import InputError
from napari_sr.imaging import Axes, check_dtype, parse_axes
from napari_sr.inference import _guard
from napari_sr.inference._arrays import is_lazy
from napari_sr.inference._choose import tile_budget, with_batch, with_estimates, with_tile
from napari_sr.inference._device import resolve_device
from napari_sr.inference._plan import Plan
from napari_sr.inference._precision import resolve_precision
from napari_sr.inference._probe import known_cost, measured_cost
from napari_sr.inference._scale import choose_passes, parse_scale
from napari_sr.inference._zoom import Zoom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from napari_sr.models import Model

TileOption = int | tuple[int, int] | Literal["auto"] | None

_UNBOUNDED_HALO = 72
"""Context for networks with global attention: beyond it the rest is what statistics of the whole image tell."""
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
    measure: bool = True,
) -> Plan:
    """Decide how an image will be upscaled, without doing it.

    Parameters
    ----------
    image : array or tuple of int
        Anything with a shape and a dtype, or a shape together with `dtype`.
    scale, model, axes, device, precision, tile, ensemble, intensity_range
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
    parsed, kind = _describe(image, axes, dtype)
    factors = parse_scale(scale)
    size = _parse_tile(tile)
    loaded = _load(model)
    where = resolve_device(device)
    passes = choose_passes(factors, loaded.scales)
    safe = loaded.card.bfloat16_safe
    bits = resolve_precision(precision, where, kind, safe=safe, faster=where != "cpu")
    draft = Plan(
        model=loaded,
        model_id=loaded.id,
        scale=factors,
        passes=passes,
        axes=parsed,
        dtype=kind,
        device=where,
        precision=bits,
        tile=_tile_for(size, parsed, _UNMEASURED if where == "cpu" else 2 * _UNMEASURED),
        halo=_halo(loaded, passes, factors, parsed.size),
        batch=1,
        ensemble=bool(ensemble),
        intensity_range=_parse_range(intensity_range),
        alignment=math.lcm(1, *(_fact(loaded, each, "alignment", 1) for each in passes)),
        statistics_layers=max(
            (_fact(loaded, n, "statistics_layers", 0) for n in passes), default=0
        ),
    )
    if not passes:
        return draft
    return _costed(draft, auto=size == "auto", measure=measure, lazy=is_lazy(image))


def _costed(draft: Plan, *, auto: bool, measure: bool, lazy: bool) -> Plan:
    """The plan with tile, batch and estimates that follow from its cost, as far as that is known."""
    # Even the smallest image is a large one after many passes.
    measure = measure and draft.native_scale <= _MEASURABLE
    cost = measured_cost(draft) if measure else known_cost(draft)
    if cost is None:
        return draft
    budget = tile_budget(draft, lazy=lazy)
    tiled = with_tile(draft, cost, budget) if auto else draft
    return with_estimates(with_batch(tiled, cost, budget), cost)


def _describe(image: Any, axes: str | None, dtype: DTypeLike | None) -> tuple[Axes, np.dtype[Any]]:
    if dtype is not None and isinstance(image, (tuple, list)):
        shape = tuple(image)
    else:
        # Nothing of a lazy array may be read.
        known = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
        shape, dtype = tuple(known.shape), known.dtype
    kind = check_dtype(dtype)
    parsed = parse_axes(axes, shape)
    if 0 in shape:
        raise InputError(f"the image is empty: its shape is {shape}")
    return parsed, kind


def _load(model: str | Path | Model) -> Model:
    if not isinstance(model, (str, Path)):
        return model
    from napari_sr.models import load_model

    return load_model(model)


def _parse_tile(tile: TileOption) -> tuple[int, int] | Literal["auto"] | None:
    if tile is None or (isinstance(tile, str) and tile == "auto"):
        return tile
    try:
        pair = (tile, tile) if isinstance(tile, (int, np.integer)) else tuple(tile)
        height, width = (int(n) for n in pair if int(n) == n and n >= 1)
    except (TypeError, ValueError):
        raise InputError(
            f"tile must be 'auto', None, or input pixels of at least 1 (one number or Y and X), not {tile!r}"
        ) from None
    return height, width


def _parse_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is None:
        return None
    low, high = (float(end) for end in given)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"intensity_range must be two rising numbers, not {given!r}")
    return low, high


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
    framed = isinstance(model.network(native), FramedNetwork)
    own = None if framed else model.halo(native)
    return (_UNBOUNDED_HALO if own is None else own) + _guard.RADIUS


def _fact(model: Model, native: int, name: str, default: int) -> int:
    return int(getattr(model.network(native), name, default))


def _tile_for(
    asked: tuple[int, int] | Literal["auto"] | None, axes: Axes, longest: int
) -> tuple[int, int]:
    if asked is None:
        return axes.size
    wanted = (longest, longest) if asked == "auto" else asked
    height, width = (min(n, size) for n, size in zip(wanted, axes.size, strict=True))
    return height, width
