"""SAFMN as in the paper and as in the challenge."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.safmn import SAFM, ChannelNorm
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=10, deadline=None)
@given(
    id_=st.sampled_from(("safmn", "safmn-ntire")),
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 12)),
    hidden=st.sampled_from((8, 24)),
    blocks=st.integers(1, 11),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(id_, scale, channels, hidden, blocks, in_channels):
    assert_recognised(
        id_, scale=scale, channels=channels, hidden=hidden, blocks=blocks, in_channels=in_channels
    )


@pytest.mark.parametrize(("scale", "count"), [(2, 228e3), (3, 233e3), (4, 240e3)])
def test_parameter_counts_are_the_papers(scale, count):
    network = registry.get("safmn").build(scale=scale)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(count, rel=0.005)


def test_norm_is_over_the_channels_of_each_pixel():
    x = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    y = ChannelNorm(8).double()(x)
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-6).sqrt()
    torch.testing.assert_close(y, expected)


def test_a_constant_map_stays_constant_on_every_grid():
    """With the fusion the identity and convolutions that do nothing, x becomes gelu(x) * x."""
    module = SAFM(8, (2, 4, 8), bias=True)
    for conv in module.mfr:
        torch.nn.init.dirac_(conv.weight, groups=2)
        torch.nn.init.zeros_(conv.bias)
    torch.nn.init.dirac_(module.aggr.weight)
    torch.nn.init.zeros_(module.aggr.bias)
    x = torch.full((1, 8, 17, 22), 0.7)
    torch.testing.assert_close(module(x), torch.nn.functional.gelu(x) * x)


def test_official_file_scores_as_its_authors_code(shared):
    names = ("butterfly", "woman")
    expected = (28.681 + 30.650) / 2
    assert official_psnr("safmn/team15_SAFMN.pth", shared, names) == pytest.approx(
        expected, abs=0.01
    )
