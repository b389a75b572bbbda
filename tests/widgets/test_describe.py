"""Numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.models import list_models
from napari_sr.widgets._describe import (
    describe_bytes,
    describe_card,
    describe_progress,
    describe_provenance,
    describe_seconds,
)
from napari_sr.widgets._report import sentence


@given(count=st.integers(0, 2**60))
def test_bytes_are_readable_and_nearly_exact(count):
    """At most four digits, and no more than rounding away from the number."""
    number, unit = describe_bytes(count).split("\u00a0")
    factor = 1024 ** ("B", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit)
    assert len(number.replace(".", "")) <= 4
    assert float(number) * factor == pytest.approx(count, rel=0.05, abs=0.5)


@given(seconds=st.floats(1, 1e6))
def test_durations_are_nearly_exact(seconds):
    number, unit = describe_seconds(seconds).split(" ")
    factor = {"s": 1, "min": 60, "h": 3600}[unit]
    assert float(number) * factor == pytest.approx(seconds, rel=0.34)


def test_durations_below_a_second_are_not_pretended_to_be_known():
    assert describe_seconds(0.02) == "less than 1 s"


def test_progress_tells_what_is_left_once_something_is_done():
    assert describe_progress(0, 40, 0.0) == "Tile 0 of 40"
    assert describe_progress(10, 40, 5.0) == "Tile 10 of 40, about 15 s left"
    assert describe_progress(39, 40, 5.0) == "Tile 39 of 40, less than 1 s left"
    assert describe_progress(40, 40, 20.0) == "Tile 40 of 40"


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.id)
def test_every_model_says_what_it_is_good_for_and_under_which_license(card):
    assert describe_card(card).startswith(card.summary)
    assert all(f"×{scale}" in describe_card(card) for scale in card.scales)
    assert card.license in describe_provenance(card)


def test_errors_are_sentences():
    assert sentence(ValueError("scale must be 1")) == "Scale must be 1."
    assert sentence(KeyError()) == "KeyError."
