"""Abilities: what a network cannot do is said before it runs, or not asked of it.

Our own can be cut and run in any precision; those that others wrote (TorchScript, ONNX, spandrel) say whether they can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari_sr.errors import DeviceError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sr.models import Model
    from napari_sr.models._foreign import Tiling

_FREE: Tiling = "allowed"
_STRICTEST_FIRST: tuple[Tiling, ...] = ("never", "discouraged")


def without_tiles_where_none_fit(
    asked: tuple[int, int] | Literal["auto"] | None, model: Model, passes: Sequence[int]
) -> tuple[tuple[int, int] | Literal["auto"] | None, Tiling]:
    """The tile that was asked for, or the whole image for networks that cannot be given parts of it.

    Raises
    ------
    InputError
        If a tile was asked for that there cannot be.
    """
    said = {model.tiling(each) for each in passes}
    found = next((tiling for tiling in _STRICTEST_FIRST if tiling in said), _FREE)
    if found != "never":
        return asked, found
    if asked not in ("auto", None):
        raise InputError(
            f"images for {model.id} cannot be cut into tiles; leave tile out, or pass None"
        )
    return None, found


def check_precision(precision: str, model: Model, passes: Sequence[int]) -> None:
    """Complain of a precision in which a network does not work.

    Raises
    ------
    DeviceError
        If so.
    """
    for each in passes:
        able = getattr(model.network(each), "precisions", frozenset({precision}))
        if precision not in able:
            choice = " or ".join(sorted(able))
            raise DeviceError(f"{model.id} cannot run in {precision}; choose {choice}")
