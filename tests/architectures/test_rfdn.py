"""RFDN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.rfdn import RFDN
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=8, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 18, 48)),
    blocks=st.integers(1, 11),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(scale, channels, blocks, in_channels):
    assert_recognised(
        "rfdn", scale=scale, channels=channels, blocks=blocks, in_channels=in_channels
    )


@pytest.mark.parametrize(("scale", "count"), [(2, 417_212), (3, 423_977), (4, 433_448)])
def test_parameter_counts_are_the_released_networks(scale, count):
    assert sum(value.numel() for value in RFDN(scale).parameters()) == count


def test_the_smallest_image_is_one_cell():
    network = RFDN(channels=8, blocks=1).eval()
    side = network.minimum_size
    with torch.inference_mode():
        assert network(torch.rand(1, 3, side, side)).shape == (1, 3, 4 * side, 4 * side)
        with pytest.raises(RuntimeError):
            network(torch.rand(1, 3, side - 1, side))


def test_official_file_scores_as_its_authors_code(shared):
    """Its values go to 255, which the loader finds out; with 1 it loses 6 dB."""
    assert official_psnr("rfdn/RFDN_AIM.pth", shared, ("butterfly",)) == pytest.approx(
        28.641, abs=0.01
    )
