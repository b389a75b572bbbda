"""Bicubic as a filter bank is the reference resampler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.imaging import imresize
from tests.architectures.set5 import set5_luma_psnr


@settings(max_examples=40, deadline=None)
@given(
    scale=st.integers(2, 9),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_equals_the_reference_resampler_borders_included(scale, height, width, seed):
    image = np.random.default_rng(seed).random((height, width))
    network = Bicubic(scale)
    with torch.inference_mode():
        out = network(torch.from_numpy(image).float()[None, None])[0, 0].numpy()
    np.testing.assert_allclose(out, imresize(image, scale=scale), atol=1e-6)


def test_channels_and_batch_are_independent():
    x = torch.rand(2, 3, 5, 7)
    network = Bicubic(3)
    out = network(x)
    assert out.shape == (2, 3, 15, 21)
    torch.testing.assert_close(out[1:, 2:], network(x[1:, 2:]))


def test_reproduces_the_published_bicubic_baseline(shared):
    # 33.66 dB with the clipping and rounding of RGB, 33.68 without
    assert set5_luma_psnr(Bicubic(2), shared) == pytest.approx(33.683, abs=0.01)
