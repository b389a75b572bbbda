"""edge-SR: a bank of filters does not say what it is, but it can be found out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_sr.architectures import registry
from napari_sr.architectures.esr import ESRCNN, ESRTM, ESRTR, ESRMax, _candidates
from napari_sr.models import load_model
from tests.architectures.published import FAMILIES, configuration, published
from tests.architectures.set5 import set5_luma_psnr

MEASURED = {
    "eSR-MAX_s2_K3_C1": 33.106,
    "eSR-MAX_s4_K7_C6": 29.148,
    "eSR-TM_s2_K7_C16": 36.018,
    "eSR-TM_s4_K7_C16": 29.985,
    "eSR-TR_s2_K7_C13": 36.236,
    "eSR-TR_s4_K7_C16": 30.171,
    "eSR-CNN_s2_C8_D3_S9": 36.523,
    "eSR-CNN_s4_C8_D9_S6": 30.437,
}


@pytest.mark.parametrize(("stem", "psnr"), MEASURED.items())
def test_official_file_is_recognised_and_scores_as_its_authors_code(stem, psnr, shared):
    model = load_model(shared / "checkpoints" / "esr" / f"{stem}.model")
    family, config = configuration(stem)
    network = model.network(config["scale"])
    assert isinstance(network, FAMILIES[family])
    assert {name: getattr(network, name) for name in config} == config
    assert model.card.value_range == 1
    assert model.card.color == "Y"
    assert set5_luma_psnr(network, shared) == pytest.approx(psnr, abs=0.01)


def test_every_published_network_can_be_built(shared):
    """Parameter counts of all 1,185 less the three bicubic ones are the authors'."""
    seen = 0
    for family, config, parameters in published(shared):
        with torch.device("meta"):
            network = FAMILIES[family](**config)
        assert sum(value.numel() for value in network.parameters()) == parameters, (family, config)
        seen += 1
    assert seen == 1182


def test_every_published_bank_has_its_reading_among_those_that_are_tried(shared):
    for family, config, _ in published(shared):
        cls = FAMILIES[family]
        if cls in (ESRMax, ESRTM, ESRTR):
            maps = cls.maps_per_channel * config["C"] * config["scale"] ** 2
            assert (cls, config) in _candidates(maps, config["K"])


def bilinear_bank(scale: int, side: int) -> torch.Tensor:
    """Filters of linear interpolation, shape (scale², 1, side, side)."""
    phase = (torch.arange(scale) + 0.5) / scale - 0.5
    taps = torch.arange(side) - side // 2
    rows = (1 - (phase[:, None] - taps).abs()).clamp(min=0)
    return torch.einsum("iy,jx->ijyx", rows, rows).reshape(scale**2, 1, side, side)


def working(family: type[nn.Module], config: dict[str, int]) -> nn.Module:
    """A network of the family that interpolates linearly, whatever else its filters do."""
    network = family(**config)
    weight, bank = network.filter.weight.data, bilinear_bank(config["scale"], config["K"])
    count = config["C"] * len(bank)
    weight.normal_()
    weight -= weight.mean(dim=(2, 3), keepdim=True) - 0.5
    if family is ESRMax:
        # black images lose; the first wins at the even phases, the second, if there is one, at the odd
        weight.copy_(-weight.abs())
        for phase, taps in enumerate(bank):
            weight[phase + len(bank) * (phase % min(2, config["C"]))] = taps
    else:
        weight[:count] = bank.repeat(config["C"], 1, 1, 1)
    return network


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    family=st.sampled_from((ESRMax, ESRTM, ESRTR)),
    scale=st.sampled_from((2, 3, 4)),
    K=st.sampled_from((3, 5)),
    C=st.integers(1, 6),
)
def test_the_reading_that_upscales_is_found(family, scale, K, C):
    torch.manual_seed(C)
    config = {"scale": scale, "K": K, "C": C}
    architecture, found = registry.detect(working(family, config).state_dict())
    assert (architecture.build, found) == (family, config)


def test_value_query_and_key_are_used_in_this_order():
    network = working(ESRTR, {"scale": 2, "K": 3, "C": 2})
    x = torch.rand(1, 1, 6, 6)
    value, query, key = nn.functional.pixel_shuffle(network.filter(x), 2).split(2, dim=1)
    expected = (value * (query * key).softmax(1)).sum(1, keepdim=True)
    torch.testing.assert_close(network(x), expected)


def test_the_key_of_the_cnn_is_squared():
    network = ESRCNN(2, C=3)
    x = torch.rand(1, 1, 6, 6)
    value, key = network.filter(x).split(3, dim=1)
    expected = (value * (key**2).softmax(1)).sum(1, keepdim=True)
    torch.testing.assert_close(network(x), expected)


@pytest.mark.parametrize("S", [6, 9, 15])
def test_the_cnn_begins_with_edges_and_with_plain_light(S):
    """Two thirds of the second layer tell sides of edges and are 0 on flat ground; the rest follows the light."""
    torch.manual_seed(S)
    network = ESRCNN(S=S)
    image = torch.full((1, 1, 16, 16), 0.4)
    image[..., 8:] = 0.6
    with torch.no_grad():
        seen = network.filter[:4](image)[0, :, 4:-4]
    edges, light = seen[: S * 2 // 3], seen[S * 2 // 3 :]
    assert edges[..., 7:9].abs().mean() > 0.3
    assert edges[..., 4].abs().max() < 1e-3
    assert light.abs().max() < 0.9
