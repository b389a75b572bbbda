"""A model travels by name: its networks are opened where it arrives, and once."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_sr.architectures.espcn import ESPCN
from napari_sr.errors import ModelLoadError, ModelNotFoundError
from napari_sr.models import _load, load_model, save_network

HALF = 100_000
"""Bytes; the networks of ecbsr alone have more."""
ELSEWHERE = """
import pickle, sys
import numpy as np, torch
model, again = pickle.load(sys.stdin.buffer), None
image = torch.linspace(0, model.card.value_range, 12 * 14).reshape(1, 1, 12, 14)
with torch.inference_mode():
    out = model.network(model.scales[0])(image)
pickle.dump((model.card, out.numpy()), sys.stdout.buffer)
"""


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    return save_network(tmp_path / "mine.safetensors", ESPCN(3), "espcn", {"scale": 3})


def here(model):
    image = torch.linspace(0, model.card.value_range, 12 * 14).reshape(1, 1, 12, 14)
    with torch.inference_mode():
        return model.network(model.scales[0])(image).numpy()


@pytest.mark.parametrize("origin", ["catalog", "file", "adjusted"])
def test_another_process_has_the_same_model(origin, file):
    model = {
        "catalog": lambda: load_model("ecbsr"),
        "file": lambda: load_model(file, value_range=1, color="Y"),
        "adjusted": lambda: load_model("esr-tm", value_range=255),
    }[origin]()
    sent = pickle.dumps(model)
    assert len(sent) < HALF
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], input=sent, stdout=subprocess.PIPE, check=True
    )
    card, out = pickle.loads(answer.stdout)
    assert card == model.card
    np.testing.assert_allclose(out, here(model), atol=1e-5 * card.value_range)


@pytest.mark.parametrize("origin", ["catalog", "file", "adjusted"])
def test_what_arrives_again_is_opened_once(origin, file, monkeypatch):
    """Each block of a run on a cluster brings the model along."""
    opened = []
    real = _load._opened
    monkeypatch.setattr(_load, "_LOADED", {})
    monkeypatch.setattr(
        _load, "_opened", lambda path, *more, **how: opened.append(path) or real(path, *more, **how)
    )
    name = {"catalog": "esr-tm", "file": file, "adjusted": "esr-tm"}[origin]
    options = {"value_range": 255.0, "color": "Y"} if origin != "catalog" else {}
    sent = pickle.dumps(load_model(name, **options))
    monkeypatch.setattr(_load, "_LOADED", {})  # as in a process that has never seen it
    opened.clear()
    first, *others = (pickle.loads(sent) for _ in range(4))
    network = first.network(first.scales[0])
    assert all(each.network(first.scales[0]) is network for each in others)
    assert len(opened) == 1


def test_within_a_process_a_model_of_the_catalog_stays_itself():
    model = load_model("esr-tm")
    assert pickle.loads(pickle.dumps(model)) is model


def test_a_file_that_is_another_one_there_is_refused(file):
    sent = pickle.dumps(load_model(file, value_range=1))
    save_network(file, ESPCN(3), "espcn", {"scale": 3})
    with pytest.raises(ModelLoadError, match="is another file than where the run began"):
        pickle.loads(sent)
    file.unlink()
    with pytest.raises(ModelNotFoundError, match="no such file on"):
        pickle.loads(sent)
