"""The catalog says what ships, and a damaged one says where."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.models import list_models, load_model
from napari_sr.models._card import GROUPS
from napari_sr.models._catalog import WEIGHTS, CatalogError, read_catalog
from napari_sr.models._home import is_bundled

CARD = """
[[model]]
id = "tiny"
title = "Tiny"
architecture = "espcn"
summary = "For tests."
group = "Small and fast"
color = "Y"
value_range = 1.0

[[model.checkpoint]]
scale = 4
file = "tiny-x4.safetensors"
sha256 = "{sha}"
scores = {{ Set5 = [30.1, 0.85] }}

[[model.checkpoint]]
scale = 2
file = "tiny-x2.safetensors"
sha256 = "{sha}"
""".format(sha="0" * 64)


def written(folder, text):
    path = folder / "catalog.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cards_are_read_with_scales_ascending(tmp_path):
    (card,) = read_catalog(written(tmp_path, CARD))
    assert card.scales == (2, 4)
    assert [each.scale for each in card.checkpoints] == [2, 4]
    assert card.checkpoint(4).scores == {"Set5": (30.1, 0.85)}
    assert card.license == "not stated"
    with pytest.raises(KeyError):
        card.checkpoint(3)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('title = "Tiny"', 'titel = "Tiny"', "unknown key titel"),
        ('title = "Tiny"\n', "", "missing .*'title'"),
        ('title = "Tiny"', "title = 3", r"title = 3 should be str"),
        ("scale = 4", "scale = true", r"scale = True should be int"),
        ("scale = 4", "scale = 2", "one .* for each scale"),
        ("scale = 4", "", "missing .*'scale'"),
        ('color = "Y"', 'color = "blue"', "color must be one of Y, RGB, grey"),
        ("value_range = 1.0", "value_range = 2", "value_range 1 or 255"),
        ('group = "Small and fast"', 'group = "Misc"', "group one of Baseline"),
        ("[30.1, 0.85]", "[30.1]", "write scores as"),
        ("0" * 64, "0" * 63, "both file and sha256"),
        ("[[model]]", "[[model", "cannot be read"),
    ],
)
def test_a_damaged_catalog_says_where_in_one_line(tmp_path, before, after, complaint):
    path = written(tmp_path, CARD.replace(before, after, 1))
    with pytest.raises(CatalogError, match=complaint) as caught:
        read_catalog(path)
    assert "\n" not in str(caught.value)
    assert "catalog.toml" in str(caught.value)


def test_a_missing_or_binary_catalog_is_the_same_error(tmp_path):
    with pytest.raises(CatalogError, match="reinstall"):
        read_catalog(tmp_path / "none.toml")
    (tmp_path / "catalog.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogError, match="reinstall"):
        read_catalog(tmp_path / "catalog.toml")


def test_the_same_id_twice_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="tiny stands there twice"):
        read_catalog(written(tmp_path, CARD + CARD))


def test_a_model_without_checkpoints_is_refused(tmp_path):
    text = CARD.partition("[[model.checkpoint]]")[0]
    with pytest.raises(CatalogError, match=r"one .* for each scale"):
        read_catalog(written(tmp_path, text))


def test_bicubic_ships_at_all_native_scales():
    assert "bicubic" in {card.id for card in list_models()}
    assert load_model("bicubic").scales == (2, 3, 4, 8)


@pytest.mark.parametrize("card", [*filter(is_bundled, list_models())], ids=lambda card: card.id)
def test_what_ships_is_what_its_card_says(card):
    """Files by SHA-256 and size; scale, channels, parameters and halo by the network itself."""
    assert card.group in GROUPS
    model = load_model(card.id)
    for checkpoint in card.checkpoints:
        network = model.network(checkpoint.scale)
        channels = 3 if card.color == "RGB" else 1
        assert (network.scale, network.in_channels) == (checkpoint.scale, channels)
        assert sum(each.numel() for each in network.parameters()) == checkpoint.parameters
        assert halo(network) == checkpoint.halo
        assert registry.get(card.architecture)
        if checkpoint.file:
            data = (WEIGHTS / checkpoint.file).read_bytes()
            assert hashlib.sha256(data).hexdigest() == checkpoint.sha256
            assert len(data) == checkpoint.size


def test_every_bundled_file_has_a_card():
    on_disk = {path.name for path in WEIGHTS.glob("*.safetensors")}
    in_catalog = {
        each.file for card in list_models() if is_bundled(card) for each in card.checkpoints
    }
    assert on_disk <= in_catalog


def test_listing_models_does_not_import_torch():
    code = "import sys, napari_sr.models as m; m.list_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
