"""IMDN."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.imdn import IMDN
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=8, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((16, 32)),
    blocks=st.integers(1, 12),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(scale, channels, blocks, in_channels):
    assert_recognised(
        "imdn", scale=scale, channels=channels, blocks=blocks, in_channels=in_channels
    )


@pytest.mark.parametrize(("scale", "count"), [(2, 694_404), (3, 703_059), (4, 715_176)])
def test_parameter_counts_are_the_papers(scale, count):
    assert sum(value.numel() for value in IMDN(scale).parameters()) == count


def test_attention_comes_before_the_fusion():
    """With the channel weights at 1/2 everywhere the fusion gets half of what was distilled."""
    block = IMDN(blocks=1).IMDB1.eval()
    torch.nn.init.zeros_(block.cca.conv_du[2].weight)
    torch.nn.init.zeros_(block.cca.conv_du[2].bias)
    x = torch.rand(1, 64, 9, 9)
    with torch.inference_mode():
        torch.testing.assert_close(block(x), block.c5(block.distil(x) / 2) + x)


def test_official_file_scores_as_its_authors_code(shared):
    assert official_psnr("imdn/IMDN_x4.pth", shared, ("butterfly",)) == pytest.approx(
        28.559, abs=0.01
    )
