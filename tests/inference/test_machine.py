"""Devices by the names that people use, and float32 that is float32 on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.backends import cudnn

from napari_sr import upscale
from napari_sr.errors import DeviceError
from napari_sr.inference import _machine, available_devices, full_float32, resolve_device


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("before", [True, False])
def test_float32_is_not_tensorfloat32(device, before, monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", before)
    with _machine.autocast(device, "float32"):
        assert not cudnn.allow_tf32
    assert cudnn.allow_tf32 is before


def test_tensorfloat32_stays_off_until_the_last_run_ends(monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    first, second = (_machine.autocast("cuda", "float32") for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not cudnn.allow_tf32
    second.__exit__(None, None, None)
    assert cudnn.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_16_bit_images_are_the_same_on_a_gpu():
    image = np.random.default_rng(0).integers(0, 65535, (96, 80), dtype=np.uint16)
    here, there = (upscale(image, 2, "mspn-microscopy", device=each) for each in ("cpu", "cuda"))
    assert np.abs(here.astype(int) - there).max() <= 4


def test_tensorfloat32_is_off_in_the_public_context(monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    with full_float32:
        assert not cudnn.allow_tf32
    assert cudnn.allow_tf32


@pytest.fixture
def devices(monkeypatch):
    """Pretends that a machine has certain graphics cards."""

    def change(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return change


def test_devices_are_listed_fastest_first(devices):
    devices(cuda=2)
    assert available_devices() == ["cuda:0", "cuda:1", "cpu"]
    devices(mps=True)
    assert available_devices() == ["mps", "cpu"]


@pytest.mark.parametrize(
    ("cuda", "mps", "asked", "expected"),
    [
        (2, False, "auto", "cuda:0"),
        (2, False, "gpu", "cuda:0"),
        (2, False, "GPU", "cuda:0"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "CUDA:1", "cuda:1"),
        (0, True, "gpu", "mps"),
        (0, True, "auto", "mps"),
        (0, False, "auto", "cpu"),
        (0, False, "CPU", "cpu"),
        (2, False, "cpu", "cpu"),
    ],
)
def test_device_names_are_resolved(devices, cuda, mps, asked, expected):
    devices(cuda, mps)
    assert resolve_device(asked) == expected


@pytest.mark.parametrize("asked", ["gpu", "cuda", "cuda:1", "mps", "tpu", ""])
def test_missing_device_is_an_error_that_lists_the_others(devices, asked):
    devices()
    with pytest.raises(DeviceError, match=f"no device {asked!r} here; choose auto or one of cpu"):
        resolve_device(asked)
