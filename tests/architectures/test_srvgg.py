"""SRVGGNetCompact."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.srvgg import SRVGGNetCompact
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=10, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((4, 9)),
    convolutions=st.integers(0, 12),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(scale, channels, convolutions, in_channels):
    assert_recognised(
        "srvgg", scale=scale, channels=channels, convolutions=convolutions, in_channels=in_channels
    )


@pytest.mark.parametrize(("convolutions", "count"), [(16, 621_424), (32, 1_213_296)])
def test_parameter_counts_are_the_published(convolutions, count):
    network = SRVGGNetCompact(convolutions=convolutions)
    assert sum(value.numel() for value in network.parameters()) == count


def test_what_it_adds_to_is_the_nearest_neighbour():
    network = SRVGGNetCompact(scale=3, channels=4, convolutions=1)
    torch.nn.init.zeros_(network.body[-1].weight)
    torch.nn.init.zeros_(network.body[-1].bias)
    x = torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(network(x), torch.nn.functional.interpolate(x, scale_factor=3))


def test_official_file_scores_as_its_authors_code(shared):
    file = "srvgg/realesr-animevideov3.pth"
    assert official_psnr(file, shared, ("butterfly",)) == pytest.approx(23.153, abs=0.01)
