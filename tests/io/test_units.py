"""Units in any spelling become the names that pint (napari) and OME-NGFF share, and the symbols of OME-XML."""

from __future__ import annotations

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ome_zarr.axes import KNOWN_SPATIAL_UNITS, KNOWN_TEMPORAL_UNITS

from napari_sr.io._units import LENGTHS, TIMES, ascii_symbol, ratio, unit_name, unit_symbol

UNITS = pint.get_application_registry()
NAMES = st.sampled_from([*sorted(LENGTHS), *sorted(TIMES)])
OME_LENGTHS = [
    *("Ym", "Zm", "Em", "Pm", "Tm", "Gm", "Mm", "km", "hm", "dam", "m", "dm", "cm", "mm", "µm"),
    *("nm", "pm", "fm", "am", "zm", "ym", "Å", "thou", "li", "in", "ft", "yd", "mi", "ua", "ly"),
    *("pc", "pt", "pixel"),
]
OME_TIMES = [
    *("Ys", "Zs", "Es", "Ps", "Ts", "Gs", "Ms", "ks", "hs", "das", "s", "ds", "cs", "ms", "µs"),
    *("ns", "ps", "fs", "as", "zs", "ys", "min", "h", "d"),
]
"""Symbols that the OME schema of June 2016 allows."""


def test_the_names_are_those_of_ome_ngff():
    assert set(KNOWN_SPATIAL_UNITS) == LENGTHS
    assert set(KNOWN_TEMPORAL_UNITS) == TIMES


@given(unit=NAMES, other=NAMES)
def test_units_of_the_same_kind_are_converted(unit, other):
    factor = ratio(unit, other)
    if UNITS(unit).is_compatible_with(other):
        assert factor == pytest.approx(UNITS(unit).to(other).magnitude)
    else:
        assert factor is None


@given(unit=NAMES)
def test_symbols_are_those_of_ome_xml_and_come_back(unit):
    assert unit_symbol(unit) in (OME_LENGTHS if unit in LENGTHS else OME_TIMES)
    assert unit_name(unit_symbol(unit)) == unit
    assert ascii_symbol(unit).isascii()
    assert unit_name(ascii_symbol(unit)) == unit
    assert unit_name(unit.upper()) == unit
    assert unit_name(f" {unit}s ") == unit
    assert unit_symbol("pixel") == ascii_symbol("pixel") == "pixel"


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        ("um µm μm micron microns Micron micrometre MICROMETER", "micrometer"),
        (r"\u00b5m \u00B5m", "micrometer"),
        ("nm NM nanometre nanometers", "nanometer"),
        ("Å ang angstrom Angstroms", "angstrom"),
        ('in inches "', "inch"),
        ("s sec secs Seconds", "second"),
        ("us µs", "microsecond"),
        ("min mins minutes", "minute"),
        ("h hr hours", "hour"),
        ("pixel pixels px none dimensionless cells kg u Z -", "pixel"),
        ("9**9 m*m 1/cm um/px nm2", "pixel"),
    ],
)
def test_spellings_of_other_programs_are_understood(spellings, name):
    assert {unit_name(spelling) for spelling in spellings.split()} == {name}


@given(text=st.text(max_size=6))
def test_anything_else_is_pixels(text):
    assert unit_name(text) in {"pixel"} | LENGTHS | TIMES
    assert unit_name(None) == unit_name("") == "pixel"
