"""``napari-sr models``: the catalog for people and for programs."""

from __future__ import annotations

import json

import pytest

from napari_sr.models import find_card, list_models, load_model, local_scales
from napari_sr.models._card import GROUPS
from tests.cli.conftest import one_line


def test_every_model_is_listed_under_its_group(run):
    lines = run("models", "list").stdout.splitlines()
    for card in list_models():
        line = next(line for line in lines if line.split()[:1] == [card.id])
        heading = next(h for h in reversed(lines[: lines.index(line)]) if h.strip() in GROUPS)
        assert heading.strip() == card.group
        assert card.license.split()[0] in line


def test_every_group_has_one_heading(run):
    lines = [line.strip() for line in run("models", "list").stdout.splitlines()]
    groups = [group for group in GROUPS if any(card.group == group for card in list_models())]
    assert [line for line in lines if line in GROUPS] == groups


def test_here_lists_only_local_models(run):
    shown = {each["id"] for each in json.loads(run("models", "list", "--here", "--json").stdout)}
    assert shown == {card.id for card in list_models() if local_scales(card)}
    assert "bicubic" in shown
    assert "bsrn-official" not in shown


def test_the_card_of_a_model_without_weights_is_shown(run):
    shown = run("models", "info", "imdn-official").stdout
    assert "none stated" in shown
    assert "ask the authors" in shown
    assert shown.count("not here; napari-sr models download imdn-official") == 3
    assert json.loads(run("models", "info", "imdn-official", "--json").stdout)["costs"] == []


def test_info_shows_published_scores(run):
    """Scores of a published model are on its card, whether or not its weights are here."""
    (psnr, ssim) = find_card("bsrn-official").checkpoint(4).scores["Set5"]
    assert f"{psnr:.3f} dB / {ssim:.4f}" in run("models", "info", "bsrn-official").stdout


def test_the_list_as_json_contains_whole_cards(run):
    found = json.loads(run("models", "list", "--json").stdout)
    assert [each["id"] for each in found] == [card.id for card in list_models()]
    for each, card in zip(found, list_models(), strict=True):
        assert each["summary"] == card.summary
        assert each["local_scales"] == list(local_scales(card))
        assert [c["sha256"] for c in each["checkpoints"]] == [c.sha256 for c in card.checkpoints]


def test_info_shows_the_card(run):
    card = load_model("bicubic").card
    shown = run("models", "info", "bicubic").stdout
    for fact in (card.title, card.summary, card.license, card.paper):
        assert fact in shown
    for scale in card.scales:
        assert f"\n  x{scale}\n" in shown


def test_info_of_a_file_shows_its_cost(run, shared):
    """A network of one convolution: 36 weights, each used once a pixel of the small image."""
    path = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model"
    found = json.loads(run("models", "info", path, "--json").stdout)
    assert found["architecture"] == "esr-max"
    assert found["costs"][0]["parameters"] == 36
    assert found["costs"][0]["macs"] == 36 * 256 * 256
    assert found["costs"][0]["activations"] == 4 * 256 * 256
    lines = [line.split() for line in run("models", "info", path).stdout.splitlines()]
    assert ["256", "x", "256"] in [line[:3] for line in lines]
    assert ["parameters", "36"] in lines


def test_info_accepts_facts_that_a_file_lacks(run, shared):
    path = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model"
    shown = run("models", "info", path, "--value-range", "255", "--color", "grey").stdout
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
