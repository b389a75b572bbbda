"""`load_model` loads any checkpoint, or gives the reason in one line."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from napari_sr import plan, upscale
from napari_sr._files import sha256
from napari_sr.architectures.bicubic import Bicubic
from napari_sr.architectures.ecbsr import ECBSR, PlainECBSR
from napari_sr.architectures.espcn import ESPCN
from napari_sr.errors import InputError, ModelLoadError, ModelNotFoundError, ModelRangeError
from napari_sr.imaging import imresize
from napari_sr.models import (
    Checkpoint,
    ModelCard,
    _catalog,
    _load,
    load_model,
    save_network,
)


@pytest.fixture
def espcn():
    """A small network with weights of its own."""
    torch.manual_seed(0)
    return ESPCN(3, D=4, S=5)


@pytest.fixture
def weights(tmp_path, monkeypatch, espcn):
    """A folder of weights whose catalog has one model, ``tiny``, at x3."""
    path = save_network(
        tmp_path / "tiny-x3.safetensors", espcn, "espcn", {"scale": 3, "D": 4, "S": 5}
    )
    (tmp_path / "catalog.toml").write_text(
        f"""
[[model]]
id = "tiny"
title = "Tiny"
architecture = "espcn"
summary = "For tests."
group = "Small and fast"
color = "Y"
value_range = 255.0
[[model.checkpoint]]
scale = 3
file = "tiny-x3.safetensors"
sha256 = "{sha256(path)}"
""",
        encoding="utf-8",
    )
    cards = list(_catalog.read_catalog(tmp_path / "catalog.toml"))
    monkeypatch.setattr(_catalog, "WEIGHTS", tmp_path)
    monkeypatch.setattr(_load, "_LOADED", {})
    for module in (_load, _catalog):
        monkeypatch.setattr(module, "list_models", lambda: cards)
    return tmp_path


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_bicubic_from_the_catalog_is_the_reference_resampler():
    model = load_model("bicubic")
    image = np.random.default_rng(0).random((5, 6))
    with torch.inference_mode():
        out = model.network(4)(torch.from_numpy(image).float()[None, None])[0, 0]
    np.testing.assert_allclose(out, imresize(image, scale=4), atol=1e-6)
    assert isinstance(model.card, ModelCard)
    assert model.halo(2) == 2
    assert model.sha256(2) is None


def test_a_model_of_the_catalog_is_loaded_once(weights):
    model = load_model("tiny")
    assert load_model("tiny") is model
    assert load_model(model) is model
    assert model.network(3) is model.network(3)
    assert model.sha256(3) == sha256(weights / "tiny-x3.safetensors")


def test_networks_are_frozen_in_evaluation_mode(weights):
    network = load_model("tiny").network(3)
    assert not network.training
    assert all(
        not each.requires_grad and each.dtype == torch.float32 for each in network.parameters()
    )


def test_threads_share_one_network(weights):
    model, seen, start = load_model("tiny"), [], threading.Barrier(4)

    def ask():
        start.wait()
        seen.append(model.network(3))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert len(set(map(id, seen))) == 1


def test_a_scale_that_is_not_native_is_refused(weights):
    with pytest.raises(InputError, match="tiny has no native x2; it has x3"):
        load_model("tiny").network(2)


@pytest.mark.parametrize("name", ["bicubik", "BICUBIK", "bi cubic"])
def test_similar_ids_are_suggested_for_a_misspelled_one(name):
    with pytest.raises(ModelNotFoundError, match=r"did you mean .*bicubic") as caught:
        load_model(name)
    one_line(caught)


@pytest.mark.parametrize("name", ["xyzzy", "7", "the best one"])
def test_nothing_is_suggested_if_no_id_is_similar(name):
    with pytest.raises(ModelNotFoundError, match="run: napari-sr models list") as caught:
        load_model(name)
    assert "did you mean" not in str(caught.value)
    one_line(caught)


@pytest.mark.parametrize("name", ["BICUBIC", "Bicubic", "ECBSR"])
def test_ids_are_found_in_any_case(name):
    assert load_model(name).id == name.lower()


def test_a_file_takes_precedence_over_an_id_in_another_case(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BICUBIC").write_bytes(b"a file")
    with pytest.raises(ModelLoadError, match="not a checkpoint"):
        load_model("BICUBIC")


def test_british_spelling_of_keywords_is_accepted():
    assert load_model("bicubic", colour="Y").card.color == "Y"
    with pytest.raises(TypeError, match="flavour"):
        load_model("bicubic", flavour="Y")


def test_a_path_that_does_not_exist_is_not_taken_for_an_id(tmp_path):
    for path in (tmp_path / "none.pth", str(tmp_path / "none.pth")):
        with pytest.raises(ModelNotFoundError, match="no such file"):
            load_model(path)


@pytest.mark.parametrize("model", [3, None, nn.Identity()])
def test_other_types_are_refused(model):
    with pytest.raises(InputError, match="an id, a path or a loaded model"):
        load_model(model)


def test_missing_weights_suggest_a_remedy(weights):
    (weights / "tiny-x3.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match=r"tiny x3 .* missing; reinstall"):
        load_model("tiny").network(3)


def test_a_missing_scale_suggests_the_download(tmp_path, models_home, monkeypatch):
    """What is here runs; what is not is one line with the command, whoever asks."""
    path = models_home / "models" / "net-official-x2.safetensors"
    save_network(path, ESPCN(2, D=4, S=5), "espcn", {"scale": 2, "D": 4, "S": 5})
    here = Checkpoint(2, path.name, sha256(path), "https://example.org/2.safetensors")
    absent = Checkpoint(4, "net-official-x4.safetensors", "0" * 64, "https://example.org/4.pth")
    card = ModelCard(
        "net-official", "Net", "espcn", "", "Published", "Y", 1.0, checkpoints=(here, absent)
    )
    monkeypatch.setattr(_catalog, "_shipped", lambda: (card,))
    image = np.zeros((8, 9), np.uint8)
    assert upscale(image, 2, "net-official").shape == (16, 18)
    command = (
        r"net-official x4 are not on this machine; run: napari-sr models download net-official"
    )
    for ask in (
        lambda: load_model("net-official").network(4),
        lambda: upscale(image, 4, "net-official"),
        lambda: plan(image, 3, "net-official"),
    ):
        with pytest.raises(ModelNotFoundError, match=command) as caught:
            ask()
        one_line(caught)


def test_changed_weights_are_refused(weights):
    path = weights / "tiny-x3.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelLoadError, match="wrong SHA-256"):
        load_model("tiny").network(3)


def test_a_card_with_the_wrong_scale_is_an_error(weights, monkeypatch):
    (card,) = _load.list_models()
    (row,) = card.checkpoints
    wrong = dataclasses.replace(card, checkpoints=(dataclasses.replace(row, scale=4),))
    monkeypatch.setattr(_load, "list_models", lambda: [wrong])
    with pytest.raises(ModelLoadError, match="is x3, its card says x4"):
        load_model("tiny").network(4)


def test_files_of_the_catalog_are_recognized_in_any_folder(weights, tmp_path):
    copy = tmp_path / "renamed.safetensors"
    copy.write_bytes((weights / "tiny-x3.safetensors").read_bytes())
    model = load_model(copy)
    assert (model.id, model.card.value_range, model.scales) == ("tiny", 255, (3,))


def test_files_with_metadata_need_no_probing(tmp_path):
    network = PlainECBSR(2, m=1, c=4)
    path = save_network(
        tmp_path / "mine.safetensors",
        network,
        "ecbsr-plain",
        {"scale": 2, "m": 1, "c": 4},
        value_range=255,
        color="grey",
        training_data="beads",
    )
    card = load_model(str(path)).card
    assert (card.id, card.group, card.value_range, card.color) == ("mine", "Mine", 255, "grey")
    assert card.training_data == "beads"
    assert "as the file states" in card.summary


def test_training_branches_are_merged(tmp_path):
    torch.manual_seed(0)
    network = ECBSR(2, m=1, c=4)
    torch.save({"params": network.state_dict()}, tmp_path / "ecbsr.pth")
    loaded = load_model(tmp_path / "ecbsr.pth", value_range=1).network(2)
    assert isinstance(loaded, PlainECBSR)
    x = torch.rand(1, 1, 8, 9)
    torch.testing.assert_close(loaded(x), network(x), atol=1e-5, rtol=0)


def test_half_precision_files_are_run_in_float32(tmp_path, espcn):
    torch.save(espcn.half().state_dict(), tmp_path / "half.pth")
    network = load_model(tmp_path / "half.pth", value_range=1).network(3)
    assert next(network.parameters()).dtype == torch.float32


def broken(state, how):
    """A state dict that is nearly ESPCN's."""
    name = "net.2.weight"
    if how == "missing":
        return {key: value for key, value in state.items() if key != name}
    if how == "unexpected":
        return {**state, "net.9.weight": torch.zeros(1)}
    replacement = torch.zeros(5, 4, 5, 7) if how == "wrong shape" else state[name] * torch.nan
    return {**state, name: replacement}


@pytest.mark.parametrize("how", ["missing", "unexpected", "wrong shape", "NaN"])
def test_mismatched_tensors_are_listed(tmp_path, espcn, how):
    """Our own files say what they should be, so that the difference can be said."""
    path = tmp_path / "x.safetensors"
    header = {"architecture": "espcn", "config": '{"scale": 3, "D": 4, "S": 5}'}
    save_file(broken(espcn.state_dict(), how), path, header)
    with pytest.raises(
        ModelLoadError, match=rf"does not fit espcn \(scale=3.*{how}.*net\."
    ) as caught:
        load_model(path)
    one_line(caught)


def test_a_long_list_is_shortened(tmp_path):
    state = PlainECBSR(2, m=9, c=4).state_dict()
    path = tmp_path / "x.safetensors"
    save_file(
        {"backbone.0.act.weight": state["backbone.0.act.weight"]},
        path,
        {"architecture": "ecbsr-plain"},
    )
    with pytest.raises(ModelLoadError, match=r"missing .* \(\d+ in all\)") as caught:
        load_model(path)
    one_line(caught)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ({"architecture": "espcm"}, "did you mean espcn"),
        ({"architecture": "espcn", "config": "{"}, "configuration is damaged"),
        ({"architecture": "espcn", "config": "[1]"}, "should be a table"),
        ({"architecture": "espcn", "config": '{"width": 3}'}, r"cannot be built with .*width"),
        ({"architecture": "espcn", "config": '{"scale": -1}'}, "x.safetensors: "),
    ],
)
def test_wrong_metadata_is_found(tmp_path, espcn, header, complaint):
    path = tmp_path / "x.safetensors"
    save_file(espcn.state_dict(), path, header)
    with pytest.raises(ModelLoadError, match=complaint) as caught:
        load_model(path)
    one_line(caught)


def test_an_empty_checkpoint_is_reported(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(ModelLoadError, match="no known architecture has these parameters: none"):
        load_model(tmp_path / "x.pth")


def test_explicit_value_range_and_color_override_the_file(weights):
    model = load_model("tiny", value_range=1, color="grey")
    assert (model.card.value_range, model.card.color) == (1, "grey")
    assert load_model("tiny").card.value_range == 255
    assert load_model("tiny").network(3) is model.network(3)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"value_range": 100}, "value_range must be 1 or 255"),
        ({"value_range": 0}, "value_range must be 1 or 255"),
        ({"color": "blue"}, "color must be one of"),
        ({"color": "RGB"}, "does not fit"),
    ],
)
def test_impossible_value_ranges_and_colors_are_refused(
    weights, tmp_path, espcn, options, complaint
):
    torch.save(espcn.state_dict(), tmp_path / "x.pth")
    for model in ("tiny", tmp_path / "x.pth"):
        with pytest.raises(ModelRangeError, match=complaint):
            load_model(model, **options)


def test_bicubic_networks_are_those_of_the_architecture():
    assert isinstance(load_model("bicubic").network(8), Bicubic)
