"""Checkpoint files hold tensors by name, in whatever wrappers; anything else is refused in one line."""

from __future__ import annotations

import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from napari_sr._files import sha256
from napari_sr.errors import ModelLoadError, ModelNotFoundError
from napari_sr.models._files import SUFFIXES, candidates, read

STATE = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2), "b.weight": torch.ones(1)}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_safetensors_give_tensors_and_metadata(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(STATE, path, {"architecture": "espcn"})
    contents = read(path)
    assert same(contents.tensors, STATE)
    assert contents.metadata == {"architecture": "espcn"}


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".model", ".bin", ".ckpt", ".PTH"])
def test_pickles_of_tensors_are_read(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    torch.save(STATE, path)
    assert same(read(path).tensors, STATE)


wrappers = st.lists(
    st.sampled_from(["params", "params_ema", "state_dict", "model_state_dict", "model"]), max_size=3
)


@settings(max_examples=30, deadline=None)
@given(wrappers=wrappers, prefixes=st.lists(st.sampled_from(["module.", "_orig_mod."]), max_size=2))
def test_wrappers_and_prefixes_are_stripped(wrappers, prefixes):
    tensors = {"".join(prefixes) + name: value for name, value in STATE.items()}
    for wrapper in wrappers:
        tensors = {wrapper: tensors, "epoch": 3, "optimizer": {"lr": torch.ones(1)}}
    assert same(next(candidates(tensors)), STATE)


def test_averaged_weights_are_preferred():
    averaged = {name: value + 1 for name, value in STATE.items()}
    assert same(next(candidates({"params": STATE, "params_ema": averaged})), averaged)


def test_unknown_prefixes_are_stripped_second():
    tensors = {f"generator_x.{name}": value for name, value in STATE.items()}
    first, second = candidates(tensors)
    assert same(first, tensors)
    assert same(second, STATE)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no such file"):
        read(tmp_path / "none.pth")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "weights.pth").mkdir()
    with pytest.raises(ModelNotFoundError, match="no such file"):
        read(tmp_path / "weights.pth")


def test_other_kinds_of_file_are_refused(tmp_path):
    path = tmp_path / "x.tiff"
    path.write_bytes(b"II*")
    with pytest.raises(ModelLoadError, match=r"not a checkpoint; known are \.safetensors"):
        read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"not a checkpoint at all", b"PK\x03\x04" + bytes(90)]
)
def test_rubbish_is_refused_in_one_line(tmp_path, suffix, data):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(ModelLoadError, match=rf"^x\{suffix}: ") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=25, deadline=None)
@given(part=st.floats(0, 0.999), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_truncated_files_are_refused(tmp_path_factory, part, suffix):
    path = tmp_path_factory.mktemp("cut") / f"x{suffix}"
    (torch.save if suffix == ".pth" else save_file)(STATE, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ModelLoadError):
        read(path)


def test_a_pickle_that_would_run_code_is_not_opened(tmp_path):
    path = tmp_path / "x.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(ModelLoadError, match="not opened for safety"):
        read(path)


def test_tensors_without_names_are_refused(tmp_path):
    path = tmp_path / "x.pt"
    torch.save([torch.zeros(2)], path)
    with pytest.raises(ModelLoadError, match="holds a list, not tensors by name"):
        read(path)


def test_an_ordinary_zip_is_not_a_checkpoint(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelLoadError, match=r"^x\.pth: "):
        read(path)


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
