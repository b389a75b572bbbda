"""Units by any spelling become the names that napari's pint knows."""

from __future__ import annotations

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.io._units import METRES, SECONDS, ratio, unit_name, unit_symbol

UNITS = pint.get_application_registry()
NAMES = st.sampled_from([*METRES, *SECONDS])


@given(unit=NAMES, other=NAMES)
def test_pint_converts_as_we_do(unit, other):
    factor = ratio(unit, other)
    if UNITS(unit).is_compatible_with(other):
        assert factor == pytest.approx(UNITS(unit).to(other).magnitude)
    else:
        assert factor is None


@given(unit=NAMES)
def test_symbols_are_plain_ascii_and_come_back(unit):
    assert unit_symbol(unit).isascii()
    assert unit_name(unit_symbol(unit)) == unit
    assert unit_name(unit.upper()) == unit
    assert unit_name(f" {unit}s ") == unit


@given(text=st.text(max_size=6))
def test_what_is_no_unit_is_pixels(text):
    assert unit_name(text) in {"pixel", *METRES, *SECONDS}
    assert unit_name(None) == "pixel"
