"""What is called float32 is float32 on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from napari_sr.inference._precision import autocast
from torch.backends import cudnn

from napari_sr import upscale


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("before", [True, False])
def test_float32_is_not_tensorfloat32(device, before, monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", before)
    with autocast(device, "float32"):
        assert not cudnn.allow_tf32
    assert cudnn.allow_tf32 is before


def test_it_stays_off_until_the_last_run_ends(monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    first, second = autocast("cuda", "float32"), autocast("cuda", "float32")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not cudnn.allow_tf32
    second.__exit__(None, None, None)
    assert cudnn.allow_tf32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_sixteen_bits_are_the_same_on_a_gpu():
    image = np.random.default_rng(0).integers(0, 65535, (96, 80), dtype=np.uint16)
    here, there = (upscale(image, 2, "mspn-microscopy", device=each) for each in ("cpu", "cuda"))
    assert np.abs(here.astype(int) - there).max() <= 4
