"""Bicubic as a filter bank is the reference resampler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.bicubic import Bicubic, TransposedBicubic
from napari_sr.imaging import imresize
from napari_sr.models import load_model
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


def test_the_edge_sr_files_baseline_is_a_transposed_convolution(shared):
    model = load_model(shared / "checkpoints" / "esr" / "Bicubic_s2.model")
    network = model.network(2)
    assert isinstance(network, TransposedBicubic)
    # its half-precision kernel and black border cost a little against 33.683
    assert set5_luma_psnr(network, shared) == pytest.approx(33.663, abs=0.01)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_transposed_form_tells_its_scale(scale):
    network = TransposedBicubic(scale)
    assert network(torch.rand(1, 1, 5, 6)).shape == (1, 1, 5 * scale, 6 * scale)
    architecture, config = registry.detect(network.state_dict())
    assert (architecture.id, config) == ("bicubic-esr", {"scale": scale})
