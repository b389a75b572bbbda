"""Plans, durations, models and errors in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.models import list_models
from napari_sr.widgets._describe import (
    describe_card,
    describe_estimate,
    describe_progress,
    describe_provenance,
)
from napari_sr.widgets._errors import format_error


@given(seconds=st.floats(1, 1e6))
def test_estimates_are_nearly_exact(seconds):
    """Within half of the unit that is shown, or of its tenth."""
    words = describe_estimate(seconds).removeprefix("about ").split(" ")
    factor = {"s": 1, "min": 60, "h": 3600}
    shown = sum(float(n) * factor[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    assert shown == pytest.approx(seconds, rel=0.34)


def test_estimates_below_a_second_are_not_numbers():
    assert describe_estimate(0.02) == "less than 1 s"


def test_progress_includes_the_time_left_once_a_tile_is_done():
    assert describe_progress(0, 40, 0.0) == "Tile 0 of 40"
    assert describe_progress(10, 40, 5.0) == "Tile 10 of 40, about 15 s left"
    assert describe_progress(39, 40, 5.0) == "Tile 39 of 40, less than 1 s left"
    assert describe_progress(40, 40, 20.0) == "Tile 40 of 40"


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.id)
def test_every_model_is_described_with_purpose_scales_and_license(card):
    assert describe_card(card).startswith(card.summary)
    assert all(f"×{scale}" in describe_card(card) for scale in card.scales)
    assert card.license in describe_provenance(card)


def test_errors_are_sentences():
    assert format_error(ValueError("scale must be 1")) == "Scale must be 1."
    assert format_error(ValueError("did you mean ecbsr?")) == "Did you mean ecbsr?"
    assert format_error(KeyError()) == "KeyError."
