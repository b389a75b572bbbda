"""Units: the many spellings that files use, and the one that napari and OME-NGFF share."""

from __future__ import annotations

PIXEL = "pixel"
"""What stands for "no physical size known"; napari's word for it."""

METRES = {
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "meter": 1.0,
    "kilometer": 1e3,
}
"""Length units by their full name, in metres."""

SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}
"""Time units by their full name, in seconds."""

_SYMBOLS = {
    "angstrom": ("Å", "Å", "ang"),
    "nanometer": ("nm", "nanometre"),
    "micrometer": ("um", "µm", "μm", "micron", "microns", "micrometre", r"\u00b5m"),
    "millimeter": ("mm", "millimetre"),
    "centimeter": ("cm", "centimetre"),
    "inch": ("in", "inches", '"'),
    "meter": ("m", "metre"),
    "kilometer": ("km", "kilometre"),
    "nanosecond": ("ns",),
    "microsecond": ("us", "µs", "μs"),
    "millisecond": ("ms", "msec"),
    "second": ("s", "sec", "secs"),
    "minute": ("min", "mins"),
    "hour": ("h", "hr"),
    "day": ("d",),
    PIXEL: ("", "pixels", "px", "none", "dimensionless"),
}
_NAMES = {symbol: name for name, symbols in _SYMBOLS.items() for symbol in symbols}


def unit_name(spelling: str | None) -> str:
    """Full singular name of a unit, as napari (pint) and OME-NGFF write it.

    Parameters
    ----------
    spelling : str or None
        As found in a file: ``"µm"``, ``"micron"``, ``"um"``; None where a file says nothing.

    Returns
    -------
    str
        ``"micrometer"``; ``"pixel"`` for None and for what is no known unit of length or time, so
        that a viewer can always show it.
    """
    text = (spelling or "").strip()
    for candidate in (text, text.lower(), text.lower().rstrip("s")):
        name = _NAMES.get(candidate, candidate)
        if name in METRES or name in SECONDS:
            return name
    return PIXEL


def unit_symbol(name: str) -> str:
    """Short ASCII symbol of a unit, as ImageJ reads it.

    Parameters
    ----------
    name : str
        A full name such as ``"micrometer"``.

    Returns
    -------
    str
        ``"um"``; the name itself where there is no shorter one.
    """
    symbols = _SYMBOLS.get(name, ())
    return next((symbol for symbol in symbols if symbol.isascii() and symbol), name)


def ratio(unit: str, to: str) -> float | None:
    """How many of one unit make up another.

    Parameters
    ----------
    unit, to : str
        Full names.

    Returns
    -------
    float or None
        ``ratio("millimeter", "micrometer") == 1000``; None where they measure different things.
    """
    if unit == to:
        return 1.0
    for table in (METRES, SECONDS):
        if unit in table and to in table:
            return table[unit] / table[to]
    return None
