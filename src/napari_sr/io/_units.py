"""Units in files: one name for the many spellings of a unit, and the symbol that files store."""

from __future__ import annotations

import re
from functools import cache

from napari_sr.imaging import PIXEL
from napari_sr.imaging import unit_ratio as ratio

__all__ = ["LENGTHS", "PIXEL", "TIMES", "ascii_symbol", "ratio", "unit_name", "unit_symbol"]

_PREFIXES = (
    "", "yotta", "zetta", "exa", "peta", "tera", "giga", "mega", "kilo", "hecto", "deci", "centi",
    "milli", "micro", "nano", "pico", "femto", "atto", "zepto", "yocto",
)  # fmt: skip
"""Those that OME-NGFF allows."""

LENGTHS = frozenset(
    {f"{prefix}meter" for prefix in _PREFIXES}
    | {"angstrom", "foot", "inch", "mile", "parsec", "yard"}
)
"""Lengths that OME-NGFF allows on an axis. pint, and so napari, knows all of them by these names, and OME-XML all by
pint's symbols, so that any unit of an image can be stored in any format."""

TIMES = frozenset({f"{prefix}second" for prefix in _PREFIXES} | {"minute", "hour", "day"})
"""Times that OME-NGFF allows on an axis."""

_NAMES = {
    "ang": "angstrom",
    '"': "inch",
    "micron": "micrometer",  # to pint a unit of its own, as the next one is
    "fermi": "femtometer",
    r"\u00b5m": "micrometer",  # as ImageJ escapes it in its description
}
"""Spellings in files that pint does not know, and names of pint for units to which OME-NGFF gives others."""


@cache
def unit_name(spelling: str | None) -> str:
    """Full singular name of a unit, as napari (pint) and OME-NGFF write it.

    Parameters
    ----------
    spelling : str or None
        As found in a file: ``"µm"``, ``"micron"``, ``"um"``; None where a file gives no unit.

    Returns
    -------
    str
        ``"micrometer"``; ``"pixel"`` for None and for everything that is not one of `LENGTHS` or `TIMES`.
    """
    text = (spelling or "").strip()
    # Symbols first as they are, since case matters in some (mm, Mm), then without regard to case.
    candidates = (text, text.lower(), text.lower().rstrip("s"))
    for candidate in candidates:
        name = _NAMES.get(candidate) or _pint_name(candidate)
        name = _NAMES.get(name, name)
        if name in LENGTHS or name in TIMES:
            return name
    return PIXEL


def unit_symbol(name: str) -> str:
    """Symbol of a unit as OME-XML writes it.

    Parameters
    ----------
    name : str
        ``"pixel"``, or one of `LENGTHS` and `TIMES`.

    Returns
    -------
    str
        Such as ``"µm"`` or ``"min"``; ``"pixel"`` for pixels.
    """
    import pint

    if name == PIXEL:
        return PIXEL
    return f"{pint.get_application_registry().parse_units(name):~}"


def ascii_symbol(name: str) -> str:
    """Symbol of a unit as ImageJ writes it.

    Parameters
    ----------
    name : str
        As for `unit_symbol`.

    Returns
    -------
    str
        Such as ``"um"``; the name itself where its symbol has other characters than ASCII.
    """
    symbol = unit_symbol(name).replace("µ", "u")
    return symbol if symbol.isascii() else name


def _pint_name(text: str) -> str:
    """Name that pint gives a unit; empty for what is not a single unit."""
    # pint evaluates expressions, and a file may contain any text.
    if not re.fullmatch(r"[^\W\d_]{1,40}", text):
        return ""
    import pint

    try:
        return str(pint.get_application_registry().parse_units(text))
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError, AssertionError):
        return ""
