"""SPAN in its published forms, and SPAN-F."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.span import SPAN, Conv3XC, TrainingSPAN
from napari_sr.architectures.span_f import SPANF
from tests.architectures.families import assert_recognised, official_psnr

sizes = st.fixed_dictionaries(
    {
        "scale": st.integers(2, 4),
        "channels": st.sampled_from((6, 10)),
        "blocks": st.integers(1, 10),
        "in_channels": st.sampled_from((1, 3)),
    }
)


@settings(max_examples=10, deadline=None)
@given(id_=st.sampled_from(("span", "span-plain")), config=sizes, last=st.sampled_from((4, 8)))
def test_any_size_and_form_is_recognised(id_, config, last):
    assert_recognised(id_, last=last, **config)


@settings(max_examples=6, deadline=None)
@given(config=sizes)
def test_any_fast_size_is_recognised(config):
    assert_recognised("span-f", **config)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), out=st.integers(1, 5))
def test_a_convolution_merged_equals_its_branches_borders_included(seed, out):
    torch.manual_seed(seed)
    conv = Conv3XC(3, out).double()
    x = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(conv(x), conv.branches(x))


def test_the_network_merged_equals_the_network():
    torch.manual_seed(0)
    network = TrainingSPAN(2, channels=8, blocks=3, last=5).eval()
    merged = network.merged().eval()
    assert type(merged) is SPAN
    x = torch.rand(1, 3, 13, 15)
    with torch.inference_mode():
        y = network(x)
        assert float((merged(x) - y).abs().max()) <= 1e-5 * float(y.abs().max())


def test_files_of_the_training_form_carry_merged_kernels_that_are_left_out():
    network = TrainingSPAN(channels=8)
    state = dict(network.state_dict())
    state |= {
        name: value for name, value in network.merged().state_dict().items() if "eval_conv" in name
    }
    architecture, config = registry.detect(state)
    assert architecture.id == "span"
    architecture.build(**config).load_state_dict(architecture.convert(state))


def test_files_trained_without_normalisation_say_so():
    network = SPAN(channels=8, normalised=False)
    state = {**network.state_dict(), "no_norm": torch.zeros(1)}
    architecture, config = registry.detect(state)
    assert not config["normalised"]
    again = architecture.build(**config)
    again.load_state_dict(architecture.convert(state))
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(again(x), network(x))


def test_fast_form_starts_from_the_nearest_neighbour():
    network = SPANF(scale=3, channels=8)
    x = torch.rand(1, 3, 4, 5)
    near = torch.pixel_shuffle(network.conv_near(x), 3)
    torch.testing.assert_close(near, x.repeat_interleave(3, -1).repeat_interleave(3, -2))


def test_parameter_counts_are_the_published():
    assert sum(value.numel() for value in SPAN(channels=52).parameters()) == pytest.approx(
        498e3, rel=1e-3
    )
    assert sum(value.numel() for value in SPAN(channels=28, last=20).parameters()) == 146_328


def test_official_file_scores_as_its_authors_code(shared):
    assert official_psnr("span/team46_span.pth", shared) == pytest.approx(31.736, abs=0.01)
