"""Units of length and time: how many of one make up another."""

from __future__ import annotations

from functools import cache

__all__ = ["PIXEL", "unit_ratio"]

PIXEL = "pixel"
"""Stands for "no physical size is known"; napari uses the same word."""


@cache
def unit_ratio(unit: str, to: str) -> float | None:
    """How many of one unit make up another.

    Parameters
    ----------
    unit, to : str
        Names or symbols that pint knows, such as ``"micrometer"`` or ``"nm"``.

    Returns
    -------
    float or None
        ``unit_ratio("millimeter", "micrometer") == 1000``; None where the two measure different things, or one of
        them is unknown.
    """
    if unit == to:
        return 1.0
    import pint  # slow to import, and needed only where the units of two axes differ

    registry = pint.get_application_registry()
    try:
        ratio = float(registry.Quantity(1.0, unit).to(to).magnitude)
    except (pint.DimensionalityError, pint.UndefinedUnitError, ValueError, TypeError):
        return None
    return float(f"{ratio:.14g}")  # pint's rounding errors: 999.9999999999999 nm in a µm
