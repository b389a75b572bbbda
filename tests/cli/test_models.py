"""``napari-sr models``: the catalog for people and for programs."""

from __future__ import annotations

import json

import pytest

from napari_sr.models import list_models, load_model
from tests.cli.conftest import one_line


def test_every_model_is_listed(run):
    shown = run("models", "list").stdout
    for card in list_models():
        assert card.id in shown
        assert card.licence in shown


def test_the_list_as_json_holds_whole_cards(run):
    found = json.loads(run("models", "list", "--json").stdout)
    assert [each["id"] for each in found] == [card.id for card in list_models()]
    for each, card in zip(found, list_models(), strict=True):
        assert each["summary"] == card.summary
        assert [c["sha256"] for c in each["checkpoints"]] == [c.sha256 for c in card.checkpoints]


def test_info_shows_the_card(run):
    card = load_model("bicubic").card
    shown = run("models", "info", "bicubic").stdout
    for fact in (card.title, card.summary, card.licence, card.paper):
        assert fact in shown
    for scale in card.scales:
        assert f"\n  x{scale}\n" in shown


def test_info_of_a_file_counts_what_it_costs(run, shared):
    """A network of one convolution: 36 weights, each used once a pixel of the small image."""
    path = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model"
    found = json.loads(run("models", "info", path, "--json").stdout)
    assert found["architecture"] == "esr-max"
    assert found["costs"][0]["parameters"] == 36
    assert found["costs"][0]["macs"] == 36 * 256 * 256
    assert found["costs"][0]["activations"] == 4 * 256 * 256
    lines = [line.split() for line in run("models", "info", path).stdout.splitlines()]
    assert ["halo", "1", "px"] in lines
    assert ["parameters", "36"] in lines


def test_info_takes_what_a_file_does_not_say(run, shared):
    path = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model"
    shown = run("models", "info", path, "--value-range", "255", "--colour", "grey").stdout
    assert "grey, values 0 to 255" in shown
    assert "value_range" in one_line(run("models", "info", path, "--value-range", "7"))


@pytest.mark.parametrize("name", ["bicubix", "nothing.safetensors"])
def test_an_unknown_model_is_one_line(run, name):
    result = run("models", "info", name)
    assert result.exit_code == 1
    assert name in one_line(result)


def test_without_a_command_help_is_shown(run):
    result = run("models")
    assert "list" in result.output
    assert "info" in result.output
