"""Options of a run: every one of them, once, with its type, its default and its check."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

import numpy as np

from napari_sr.errors import DeviceError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_sr.models import Model

__all__ = [
    "CommonKeywords",
    "OptionKeywords",
    "Precision",
    "PrecisionName",
    "TileMode",
    "TileOption",
    "UpscaleOptions",
]

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""Floating-point type that a network computes in; "auto" is float32 unless a lower one shows no difference."""
PrecisionName = Precision | Literal["fp32", "single", "full", "fp16", "half", "bf16"]
"""A precision, also by a name that other tools use for it."""
TileMode = Literal["seamless", "exact"]
"""How closely a tiled image equals the whole one where a network uses statistics of the whole image."""
TileOption = int | tuple[int, int] | Literal["auto"] | None
"""Input pixels of a tile: one number, Y and X, chosen automatically, or None for the whole image at once."""

_PRECISION_ALIASES = {
    "fp32": "float32", "single": "float32", "full": "float32", "32": "float32",
    "fp16": "float16", "half": "float16", "16": "float16",
    "bf16": "bfloat16",
}  # fmt: skip
"""Names that other tools use, which can mean one thing only."""


class CommonKeywords(TypedDict, total=False):
    """Keywords that are fields of `UpscaleOptions` and do not change the type of a result.

    Type checkers accept the exact spellings only; `UpscaleOptions` itself takes any text and checks it.
    """

    device: str
    precision: PrecisionName
    tile: TileOption
    tile_mode: TileMode
    ensemble: bool
    isotropic: bool
    z_spacing: float | None
    intensity_range: tuple[float, float] | None


class OptionKeywords(CommonKeywords, total=False):
    """Keywords of `napari_sr.upscale` and its relatives that are fields of `UpscaleOptions`."""

    uncertainty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleOptions:
    """Everything that can be asked of a run. Values are checked and normalized when the object is made.

    Raises
    ------
    InputError
        If a value cannot be used, or two options exclude each other.
    DeviceError
        If there is no such precision.
    """

    scale: float | Sequence[float] = (2.0, 2.0)
    """Output pixels per input pixel: one number of at least 1, or one each for Y and X. Kept as a pair."""
    model: str | Path | Model = "ecbsr"
    """Id in the catalog, path of a checkpoint, or a loaded model."""
    device: str = "auto"
    """``"auto"``, ``"cpu"``, ``"cuda"`` or ``"gpu"``, ``"cuda:1"``, ``"mps"``."""
    precision: Precision | str = "auto"
    """Floating-point type of the networks; ``"fp16"``, ``"half"`` and ``"bf16"`` are understood."""
    tile: TileOption = "auto"
    """Input pixels that are enlarged at once, or None for all. The result does not depend on it."""
    tile_mode: TileMode | str = "seamless"
    """For networks that use statistics of the whole image: how closely a tiled image equals the whole one."""
    ensemble: bool = False
    """Whether to average over the eight flips and rotations."""
    uncertainty: bool = False
    """Whether to return the standard deviation over the ensemble, too. Implies `ensemble`."""
    isotropic: bool = False
    """Whether to enlarge Z, too, until voxels are cubes."""
    z_spacing: float | None = None
    """For `isotropic`: distance of two planes in pixels of Y and X; None where the image's pixel sizes give it."""
    intensity_range: tuple[float, float] | None = None
    """Intensities that a network sees as black and white; None to find them."""

    def __post_init__(self) -> None:
        normalized: dict[str, Any] = {
            "scale": parse_scale(self.scale),
            "device": str(self.device).lower(),
            "precision": _parse_precision(self.precision),
            "tile": _parse_tile(self.tile),
            "tile_mode": _parse_tile_mode(self.tile_mode),
            "uncertainty": bool(self.uncertainty),
            "ensemble": bool(self.ensemble) or bool(self.uncertainty),
            "isotropic": _parse_isotropic(self.isotropic),
            "z_spacing": _parse_z_spacing(self.z_spacing),
            "intensity_range": _parse_range(self.intensity_range),
        }
        for name, value in normalized.items():
            object.__setattr__(self, name, value)
        self._check_isotropic()

    @property
    def factors(self) -> tuple[float, float]:
        """Scale along Y and X."""
        return parse_scale(self.scale)

    def _check_isotropic(self) -> None:
        if not self.isotropic:
            if self.z_spacing is not None:
                raise InputError("z_spacing is only used with isotropic=True")
            return
        if self.uncertainty:
            raise InputError("an isotropic stack has no uncertainty; choose one of the two")
        if self.factors[0] != self.factors[1]:
            raise InputError("isotropic needs one scale for Y and X")


def parse_scale(scale: float | Sequence[float]) -> tuple[float, float]:
    """Output pixels per input pixel along Y and X.

    Parameters
    ----------
    scale : float or pair of float
        One for both axes or one each; finite and at least 1.

    Returns
    -------
    tuple of float
        Along Y and along X.

    Raises
    ------
    InputError
        If it is anything else.
    """
    given: Any = scale
    try:
        pair = [float(given)] * 2 if np.ndim(given) == 0 else [float(f) for f in given]
    except (TypeError, ValueError):
        pair = []
    if len(pair) != 2 or not all(math.isfinite(f) and f >= 1 for f in pair):
        raise InputError(
            f"scale must be a number of at least 1, or one each for Y and X, not {scale!r}"
        )
    return pair[0], pair[1]


def _parse_precision(precision: str) -> str:
    text = str(precision).lower().removeprefix("torch.")
    name = _PRECISION_ALIASES.get(text, text)
    if name not in get_args(Precision):
        raise DeviceError(f"precision must be {', '.join(get_args(Precision))}, not {precision!r}")
    return name


def _parse_tile(tile: Any) -> TileOption:
    if tile is None or (isinstance(tile, str) and tile.lower() == "auto"):
        return None if tile is None else "auto"
    try:
        pair = (tile, tile) if isinstance(tile, (int, np.integer)) else tuple(tile)
        height, width = (int(n) for n in pair if int(n) == n and n >= 1)
    except (TypeError, ValueError):
        raise InputError(
            f"tile must be 'auto', None, or input pixels of at least 1 (one number or Y and X), not {tile!r}"
        ) from None
    return height, width


def _parse_tile_mode(mode: str) -> str:
    name = str(mode).lower()
    if name not in get_args(TileMode):
        raise InputError(f"tile_mode must be {' or '.join(get_args(TileMode))}, not {mode!r}")
    return name


def _parse_isotropic(isotropic: Any) -> bool:
    if not isinstance(isotropic, (bool, np.bool_)):
        raise InputError(
            f"isotropic is True or False, not {isotropic!r}; give the distance of planes in pixels as z_spacing"
        )
    return bool(isotropic)


def _parse_z_spacing(spacing: Any) -> float | None:
    if spacing is None:
        return None
    try:
        number = math.nan if isinstance(spacing, bool) else float(spacing)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"z_spacing must be the distance of two planes in pixels, not {spacing!r}")
    return number


def _parse_range(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    try:
        low, high = (float(end) for end in given)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"intensity_range must be two rising numbers, not {given!r}")
    return low, high
