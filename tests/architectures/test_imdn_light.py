"""The forms of IMDN without attention."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.imdn_light import IMDNRTC, IMDNPlus
from tests.architectures.families import assert_recognised, official_psnr

sizes = {
    "scale": st.integers(2, 4),
    "blocks": st.integers(1, 12),
    "in_channels": st.sampled_from((1, 3)),
}


@settings(max_examples=8, deadline=None)
@given(config=st.fixed_dictionaries(sizes), kernel=st.sampled_from((1, 3)))
def test_any_rtc_size_is_recognised(config, kernel):
    assert_recognised("imdn-rtc", channels=12, kernel=kernel, **config)


@settings(max_examples=8, deadline=None)
@given(config=st.fixed_dictionaries(sizes))
def test_any_plus_size_is_recognised(config):
    assert_recognised("imdn-plus", channels=12, **config)


def test_names_of_the_ntire_baseline_are_understood():
    """Its blocks are called conv1.0, conv2.0, conv3.0 (behind them an activation), conv4 and conv1x1."""
    network = IMDNRTC(4, channels=64, blocks=8, kernel=3)
    ours = network.state_dict()
    theirs = {}
    for name, value in ours.items():
        head, dot, rest = name.rpartition(".c")
        if dot:
            layer, _, kind = rest.partition(".")
            rest = {"4": "conv4", "5": "conv1x1"}.get(layer, f"conv{layer}.0") + f".{kind}"
        theirs[f"{head}.{rest}" if dot else name] = value
    architecture, config = registry.detect(theirs)
    assert config == {"scale": 4, "channels": 64, "blocks": 8, "kernel": 3, "in_channels": 3}
    assert architecture.convert(theirs).keys() == ours.keys()
    assert sum(value.numel() for value in network.parameters()) == 893_936


def test_plus_distils_a_sixth_at_each_step():
    block = IMDNPlus(blocks=1).FEM[1].sub[0].eval()
    x = torch.rand(1, 36, 7, 7)
    with torch.inference_mode():
        first = torch.nn.functional.silu(block.c1(x))
        second = torch.nn.functional.silu(block.c2(first[:, 6:]))
        # the first two of six parts go straight into the fusion
        fused = torch.nn.functional.conv2d(
            torch.cat([first[:, :6], second[:, :6]], 1), block.c7.weight[:, :12]
        )
        block.c3.weight.zero_(), block.c3.bias.zero_()
        block.c4.bias.zero_(), block.c5.bias.zero_(), block.c6.bias.zero_()
        torch.testing.assert_close(block(x), fused + block.c7.bias.view(1, -1, 1, 1) + x)


def test_parameter_counts_are_the_published():
    assert sum(value.numel() for value in IMDNRTC().parameters()) == 20_190
    assert sum(value.numel() for value in IMDNPlus().parameters()) == pytest.approx(
        276e3, rel=0.005
    )


def test_official_file_scores_as_its_authors_code(shared):
    assert official_psnr("imdn/model_RTC.pth", shared) == pytest.approx(37.311, abs=0.01)
