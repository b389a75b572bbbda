"""IMDN_AS, and the cropping that lets it take any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sr.architectures import registry
from napari_sr.architectures.imdn_as import IMDNAS, adaptively_cropped
from napari_sr.models import load_model

sides = st.integers(1, 150)


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides)
def test_crops_cover_any_image_once_and_fit_the_network(height, width):
    def unchanged(x):
        assert x.shape[-2] % 4 == x.shape[-1] % 4 == 0
        assert x.shape[0] == 4
        return x

    x = torch.rand(1, 2, height, width)
    torch.testing.assert_close(adaptively_cropped(unchanged, x), x, atol=0, rtol=0)


@settings(max_examples=20, deadline=None)
@given(height=st.integers(70, 150), width=st.integers(70, 150))
def test_a_local_network_cannot_tell_the_crops_from_the_whole(height, width):
    """What is kept of a crop lies at least 28 pixels from where it was cut."""

    def blurred(x):
        return F.avg_pool2d(F.avg_pool2d(x, 27, 1, 13), 27, 1, 13)

    x = torch.rand(1, 1, height, width, dtype=torch.float64)
    torch.testing.assert_close(adaptively_cropped(blurred, x), blurred(x))


def test_sizes_that_are_multiples_of_4_are_not_cropped():
    network = IMDNAS(channels=16, blocks=1).eval()
    x = torch.rand(1, 3, 40, 44)
    with torch.inference_mode():
        features = network.fea_conv(x)
        trunk = network.LR_conv(network.c(network.IMDB1(features))) + features
        torch.testing.assert_close(network(x), network.upsampler(trunk))
        assert network(x[..., 1:]).shape == (1, 3, 40, 43)


@pytest.mark.parametrize("in_channels", [1, 3])
def test_configuration_is_recognised(in_channels):
    config = {"channels": 32, "blocks": 3, "in_channels": in_channels}
    architecture, found = registry.detect(IMDNAS(**config).state_dict())
    assert (architecture.id, found) == ("imdn-as", config)


def test_official_file_keeps_the_size(shared):
    model = load_model(shared / "checkpoints/imdn/IMDN_AS.pth", value_range=1)
    network = model.network(1)
    x = torch.rand(1, 3, 8, 8).repeat_interleave(8, -1).repeat_interleave(8, -2)
    with torch.inference_mode():
        y = network(x)
    assert y.shape == x.shape
    assert float((y - x).abs().mean()) < 0.05
    assert sum(value.numel() for value in network.parameters()) == 752_104
