"""Checkpoints are written completely or not at all, and read back equal."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.espcn import ESPCN
from napari_sr.architectures.esr import ESRTM
from napari_sr.errors import FileWriteError
from napari_sr.models import load_model, save_network
from napari_sr.models._files import read


@settings(max_examples=15, deadline=None)
@given(
    scale=st.integers(2, 4),
    C=st.integers(1, 4),
    value_range=st.sampled_from((1, 255.0)),
    color=st.sampled_from(("Y", "grey")),
)
def test_round_trip_of_ambiguous_tensors(tmp_path_factory, scale, C, value_range, color):
    """A random bank of filters could be anything; the header says what it is."""
    config = {"scale": scale, "K": 3, "C": C}
    network = ESRTM(**config)
    path = tmp_path_factory.mktemp("save") / "new" / "x.safetensors"
    assert (
        save_network(path, network, "esr-tm", config, value_range=value_range, color=color) == path
    )
    model = load_model(path)
    assert (model.card.value_range, model.card.color, model.scales) == (
        value_range,
        color,
        (scale,),
    )
    loaded = model.network(scale)
    assert (loaded.K, loaded.C) == (3, C)
    assert torch.equal(loaded.filter.weight, network.filter.weight)


def test_data_types_are_kept_and_metadata_becomes_text(tmp_path):
    path = save_network(
        tmp_path / "x.safetensors", ESPCN(2).half(), "espcn", {"scale": 2}, iterations=100
    )
    contents = read(path)
    assert {value.dtype for value in contents.tensors.values()} == {torch.float16}
    assert contents.metadata["iterations"] == "100"


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = save_network(tmp_path / "x.safetensors", ESPCN(2), "espcn", {"scale": 2})
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FileWriteError, match="No space left"):
        save_network(path, ESPCN(2), "espcn", {"scale": 2})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileWriteError, match="cannot be written"):
        save_network(tmp_path / "file" / "x.safetensors", ESPCN(2), "espcn", {"scale": 2})


def test_files_are_readable_by_others(tmp_path):
    path = save_network(tmp_path / "x.safetensors", ESPCN(2), "espcn", {"scale": 2})
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
