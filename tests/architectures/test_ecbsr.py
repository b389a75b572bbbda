"""ECBSR: what trains and what runs is one function."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.ecbsr import ECBSR, PlainECBSR

sizes = st.fixed_dictionaries(
    {
        "scale": st.integers(2, 4),
        "m": st.integers(0, 5),
        "c": st.integers(1, 9),
        "in_channels": st.sampled_from((1, 3)),
    }
)


def parameters(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


@settings(max_examples=20, deadline=None)
@given(config=sizes, form=st.sampled_from((ECBSR, PlainECBSR)))
def test_state_dict_tells_form_and_configuration(config, form):
    architecture, found = registry.detect(form(**config).state_dict())
    assert architecture.build is form
    assert found == config


@settings(max_examples=10, deadline=None)
@given(config=sizes, seed=st.integers(0, 99))
def test_merged_equals_the_branches_computed_one_by_one(config, seed):
    torch.manual_seed(seed)
    network = ECBSR(**config).double()
    x = torch.rand(2, config["in_channels"], 7, 9, dtype=torch.float64)
    with torch.inference_mode():
        y = x
        for block in network.backbone:
            y = block.act(block.branches(y))
        skip = x.repeat_interleave(config["scale"] ** 2, dim=1)
        expected = torch.nn.functional.pixel_shuffle(y + skip, config["scale"])
        torch.testing.assert_close(network.merged().double()(x), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("config", "plain", "train"),
    [
        ({"scale": 2, "m": 4, "c": 8}, 2_748, 11_992),
        ({"scale": 4, "m": 4, "c": 16}, 11_840, 49_712),
        ({"scale": 2, "m": 10, "c": 32}, 94_308, 363_232),
        ({"scale": 4, "m": 16, "c": 64}, 601_808, 2_235_968),
    ],
)
def test_parameter_counts_are_those_of_the_official_code(config, plain, train):
    network = ECBSR(**config)
    masks = sum(value.numel() for name, value in network.named_parameters() if "mask" in name)
    assert parameters(network.merged()) == plain
    assert parameters(network) + masks == train


def test_state_dict_of_the_official_size():
    assert len(ECBSR(2, m=4, c=8).state_dict()) == 131
