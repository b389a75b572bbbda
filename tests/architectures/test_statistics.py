"""Statistics of an image gathered from its parts."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_sr.architectures.blocks import CCA, GRN
from napari_sr.architectures.context import (
    ChannelStatistics,
    TileContext,
    number_layers,
    spatial_moments,
)

cuts = st.tuples(st.integers(1, 19), st.integers(1, 22))


def quarters(y: int, x: int) -> list[tuple[int, int, int, int]]:
    return [(0, 0, y, x), (0, x, y, 23), (y, 0, 20, x), (y, x, 20, 23)]


@settings(max_examples=30, deadline=None)
@given(cut=cuts, order=st.permutations(range(4)), offset=st.sampled_from((0.0, 1e3)))
def test_parts_in_any_order_give_the_moments_of_the_whole(cut, order, offset):
    torch.manual_seed(0)
    x = torch.rand(1, 5, 20, 23) * torch.arange(5).view(1, 5, 1, 1) + offset
    statistics = ChannelStatistics()
    for i in order:
        # the part that counts is told by its box, whatever the halo around it holds
        statistics.observe(0, x, (quarters(*cut)[i],))
    mean, deviation = statistics.moments(0, x)
    torch.testing.assert_close(mean, x.mean((2, 3), keepdim=True), rtol=1e-5, atol=1e-5)
    expected = x.double().std((2, 3), correction=0, keepdim=True).float()
    torch.testing.assert_close(deviation, expected, rtol=1e-3, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(cut=cuts)
def test_workers_gather_apart_and_are_merged(cut):
    torch.manual_seed(1)
    x = torch.rand(1, 3, 20, 23)
    alone, first, second = ChannelStatistics(), ChannelStatistics(), ChannelStatistics()
    for i, box in enumerate(quarters(*cut)):
        alone.observe(0, x, (box,))
        (first, second)[i % 2].observe(0, x, (box,))
    first.merge(pickle.loads(pickle.dumps(second)))
    assert first.distance(alone) < 1e-6


def test_distance_tells_how_far_a_layer_moved():
    one, two, empty = ChannelStatistics(), ChannelStatistics(), ChannelStatistics()
    one.observe(0, torch.full((1, 2, 4, 4), 1.0))
    two.observe(0, torch.full((1, 2, 4, 4), 1.1))
    assert one.distance(one) == 0
    assert two.distance(one) == pytest.approx(0.1 / 1.1)
    assert one.distance(empty) == float("inf")


def test_without_a_frame_each_image_of_a_batch_is_its_own_and_exactly_as_published():
    x = torch.rand(3, 4, 6, 7, dtype=torch.float64)
    mean, deviation = spatial_moments(x, 0, None)
    torch.testing.assert_close(mean, x.mean((2, 3), keepdim=True))
    torch.testing.assert_close(deviation, x.std((2, 3), correction=0, keepdim=True))


def test_a_constant_channel_lets_gradients_pass():
    x = torch.ones(1, 16, 5, 5, requires_grad=True)
    CCA(16)(x).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_a_layer_reads_the_known_statistics_and_gathers_those_of_its_input():
    torch.manual_seed(2)
    whole = torch.rand(1, 16, 12, 12)
    layers = nn.ModuleList([CCA(16), GRN(16)])
    nn.init.normal_(layers[1].gamma)
    assert number_layers(layers) == 2
    known, gathered = ChannelStatistics(), ChannelStatistics()
    for layer in layers:
        known.observe(layer.slot, whole)
        context = TileContext((12, 12), ((0, 0), (0, 6)), statistics=known, gather=gathered)
        tiles = torch.cat([whole[..., :6], whole[..., 6:]])
        got = torch.cat([*layer(tiles, context)], dim=-1)[None]
        torch.testing.assert_close(got, layer(whole), rtol=1e-5, atol=1e-6)
    assert gathered.distance(known) < 1e-6
