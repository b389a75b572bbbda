"""How far apart the planes of a layer are: known where its pixel sizes were given."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sr.errors import InputError
from napari_sr.imaging import ANONYMOUS_AXES

if TYPE_CHECKING:
    from napari_sr.layers._snapshot import LayerSnapshot

__all__ = ["plane_distance", "with_planes"]

_EQUAL = 1e-3
"""Relative difference of sizes that nobody measures."""


def plane_distance(source: LayerSnapshot) -> float | None:
    """Distance of two planes along Z in pixels.

    Parameters
    ----------
    source : LayerSnapshot
        Its Z is the axis of that name, or else the only one without a name whose unit is that of Y and X.

    Returns
    -------
    float or None
        Above 1; None where there is no Z, pixels are not square, or planes are as close as pixels, as they are
        wherever sizes are unknown.
    """
    axis = _z_axis(source)
    if axis is None or source.data.shape[axis] < 2:
        return None
    sizes = [abs(float(size)) for size in source.attributes["scale"]]
    y, x = sizes[source.axes.index("Y")], sizes[source.axes.index("X")]
    if abs(y - x) > _EQUAL * max(y, x):
        return None
    distance = sizes[axis] / math.sqrt(y * x)
    return distance if distance > 1 + _EQUAL else None


def with_planes(source: LayerSnapshot) -> tuple[LayerSnapshot, float]:
    """The layer with its Z called Z, and the distance of its planes in pixels.

    Raises
    ------
    InputError
        If that is not known.
    """
    axis, distance = _z_axis(source), plane_distance(source)
    if axis is None or distance is None:
        raise InputError(
            f"'{source.name}' does not say that its planes are further apart than its pixels; set layer.scale to the "
            "sizes along Z, Y and X, and layer.axis_labels to their names"
        )
    axes = f"{source.axes[:axis]}Z{source.axes[axis + 1 :]}"
    return replace(source, axes=axes), distance


def _z_axis(source: LayerSnapshot) -> int | None:
    if "Z" in source.axes:
        return source.axes.index("Z")
    nameless = [i for i, letter in enumerate(source.axes) if letter in ANONYMOUS_AXES]
    units = source.attributes.get("units")
    if len(nameless) != 1:
        return None
    if units is not None and str(units[nameless[0]]) != str(units[source.axes.index("X")]):
        return None
    return nameless[0]
