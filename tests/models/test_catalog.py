"""The catalog describes the bundled models correctly, and an error in it is reported with its place."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.models import list_models, load_model
from napari_sr.models._card import GROUPS
from napari_sr.models._catalog import WEIGHTS, CatalogError, is_bundled, read_catalog

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
        ('"tiny-x2.safetensors"', '"../../tiny-x2.safetensors"', "without a folder"),
        ('"tiny-x2.safetensors"', '"/etc/passwd"', "without a folder"),
        ('"tiny-x2.safetensors"', "'..\\tiny-x2.safetensors'", "without a folder"),
        ('"tiny-x2.safetensors"', '"tiny\\u0000.safetensors"', "without a folder"),
        ('id = "tiny"', 'id = "\\u001b[31mtiny"', "printable"),
        ('id = "tiny"', 'id = ""', "printable"),
        ("scale = 2", "scale = -2", "scale must be 1 to 16"),
        ("scale = 2", "scale = 500", "scale must be 1 to 16"),
        ('title = "Tiny"\n', "", "missing .*'title'"),
        ('title = "Tiny"', "title = 3", r"title = 3 should be a valid string"),
        ("scale = 4", "scale = true", r"scale = True should be a valid integer"),
        ("scale = 4", "scale = 2", "one .* for each scale"),
        ("scale = 4", "", "missing .*'scale'"),
        ('color = "Y"', 'color = "blue"', "color must be 'Y', 'RGB' or 'grey', not 'blue'"),
        ("value_range = 1.0", "value_range = 2", "value_range must be 1 or 255, not 2"),
        (
            'group = "Small and fast"',
            'group = "Misc"',
            "group must be 'Baseline', .* or 'Mine', not 'Misc'",
        ),
        ("[30.1, 0.85]", "[30.1]", "write scores as"),
        ("scale = 4\n", "scale = 4\nscales = 4\n", "unknown key scales; known are scale, file"),
        ("value_range = 1.0", "value_range = true", "value_range = True should be a valid number"),
        ('title = "Tiny"', "title = 2001-01-01T00:00:00Z\nnote = 1", "unknown key note"),
        ("0" * 64, "0" * 63, "both file and sha256"),
        ("[[model]]", "[[model", "cannot be read"),
    ],
)
def test_an_error_in_a_catalog_is_reported_in_one_line(tmp_path, before, after, complaint):
    path = written(tmp_path, CARD.replace(before, after, 1))
    with pytest.raises(CatalogError, match=complaint) as caught:
        read_catalog(path)
    assert "\n" not in str(caught.value)
    assert "catalog.toml" in str(caught.value)


def test_a_missing_or_binary_catalog_is_reported(tmp_path):
    with pytest.raises(CatalogError, match="reinstall"):
        read_catalog(tmp_path / "none.toml")
    (tmp_path / "catalog.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogError, match="reinstall"):
        read_catalog(tmp_path / "catalog.toml")


def test_an_id_that_occurs_twice_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="two models are called tiny"):
        read_catalog(written(tmp_path, CARD + CARD))


def test_a_model_without_checkpoints_is_refused(tmp_path):
    text = CARD.partition("[[model.checkpoint]]")[0]
    with pytest.raises(CatalogError, match=r"one .* for each scale"):
        read_catalog(written(tmp_path, text))


def test_bicubic_is_bundled_at_all_native_scales():
    assert "bicubic" in {card.id for card in list_models()}
    assert load_model("bicubic").scales == (2, 3, 4, 8)


@pytest.mark.parametrize("card", [*filter(is_bundled, list_models())], ids=lambda card: card.id)
def test_bundled_models_match_their_cards(card):
    """Files in SHA-256 and size; networks in scale, channels, parameters and halo."""
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


def test_values_are_not_converted_between_types(tmp_path):
    """A whole number may stand for a float, as in TOML files written by hand, but a string or bool may not."""
    (card,) = read_catalog(
        written(tmp_path, CARD.replace("value_range = 1.0", "value_range = 255"))
    )
    assert card.value_range == 255
    for wrong in ('"255"', "true", "[255]"):
        with pytest.raises(CatalogError, match="value_range"):
            read_catalog(
                written(tmp_path, CARD.replace("value_range = 1.0", f"value_range = {wrong}"))
            )


def test_every_bundled_file_has_a_card():
    on_disk = {path.name for path in WEIGHTS.glob("*.safetensors")}
    in_catalog = {
        each.file for card in list_models() if is_bundled(card) for each in card.checkpoints
    }
    assert on_disk <= in_catalog


def test_listing_models_does_not_import_torch():
    code = "import sys, napari_sr.models as m; m.list_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
