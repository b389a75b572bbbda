"""IMDN_AS, and the cropping that lets it take any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sr.architectures import registry
from napari_sr.architectures.imdn_as import IMDNAS, adaptively_cropped
from napari_sr.evaluation import evaluation_luma, find_pairs, read_pair, score
from napari_sr.imaging import imresize
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


def test_official_file_scores_as_its_authors_code(shared):
    """Trained on photographs of two focal lengths, it lowers PSNR on Set5; its sides of 255 are cropped."""
    network = load_model(shared / "checkpoints/imdn/IMDN_AS.pth", value_range=1).network(1)
    set5 = shared / "data/benchmarks/Set5"
    (pair,) = (p for p in find_pairs(set5 / "HR", 3, set5 / "LR_bicubic") if p.name == "butterfly")
    original, small = read_pair(pair, 3)
    x = torch.from_numpy(imresize(small / 255.0, 3)).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        y = 255 * network(x)[0].permute(1, 2, 0).numpy()
    lumas = map(evaluation_luma, (original, y.clip(0, 255).round().astype("uint8")))
    assert score("butterfly", *lumas, border=3).psnr == pytest.approx(23.883, abs=0.01)
