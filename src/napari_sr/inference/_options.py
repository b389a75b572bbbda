"""Options: what the user gave, checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import Axes, check_dtype, parse_axes
from napari_sr.inference._arrays import is_lazy
from napari_sr.inference._plan import TileMode

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from napari_sr.models import Model

TileOption = int | tuple[int, int] | Literal["auto"] | None


def describe_image(
    image: Any, axes: str | None, dtype: DTypeLike | None
) -> tuple[Axes, np.dtype[Any]]:
    if isinstance(image, np.ma.MaskedArray):
        raise InputError(
            "masked images cannot be upscaled; fill the mask first, e.g. image.filled(0)"
        )
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


def open_model(model: str | Path | Model) -> Model:
    if not isinstance(model, (str, Path)):
        return model
    from napari_sr.models import load_model

    return load_model(model)


def parse_tile(tile: TileOption) -> tuple[int, int] | Literal["auto"] | None:
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


def parse_tile_mode(mode: str) -> TileMode:
    for known in get_args(TileMode):
        if mode == known:
            chosen: TileMode = known
            return chosen
    raise InputError(f"tile_mode must be {' or '.join(get_args(TileMode))}, not {mode!r}")


def check_whole(image: Any, option: str, uncertainty: bool = False) -> None:
    if is_lazy(image):
        raise InputError(f"{option} needs the whole image in memory; pass numpy.asarray(image)")
    if uncertainty:
        raise InputError("there is no uncertainty of an isotropic stack; choose one of the two")


def parse_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    if given is None:
        return None
    low, high = (float(end) for end in given)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"intensity_range must be two rising numbers, not {given!r}")
    return low, high


def first_tile(
    asked: tuple[int, int] | Literal["auto"] | None, axes: Axes, longest: int
) -> tuple[int, int]:
    if asked is None:
        return axes.size
    wanted = (longest, longest) if asked == "auto" else asked
    height, width = (min(n, size) for n, size in zip(wanted, axes.size, strict=True))
    return height, width
