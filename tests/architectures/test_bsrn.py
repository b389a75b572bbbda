"""BSRN and BSRN-S."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.blocks import BSConvU
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=12, deadline=None)
@given(
    id_=st.sampled_from(("bsrn", "bsrn-s")),
    scale=st.integers(2, 4),
    channels=st.sampled_from((16, 32)),
    blocks=st.integers(1, 11),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognised(id_, scale, channels, blocks, in_channels):
    assert_recognised(id_, scale=scale, channels=channels, blocks=blocks, in_channels=in_channels)


@pytest.mark.parametrize(("id_", "scale", "count"), [("bsrn", 4, 352_400), ("bsrn-s", 4, 156_288)])
def test_parameter_counts_are_the_papers(id_, scale, count):
    network = registry.get(id_).build(scale=scale)
    assert sum(value.numel() for value in network.parameters()) == count


def test_blueprint_convolution_is_a_full_one_of_rank_one_kernels():
    conv = BSConvU(5, 7).double()
    x = torch.rand(1, 5, 8, 9, dtype=torch.float64)
    full = conv.dw.weight * conv.pw.weight
    with torch.inference_mode():
        torch.testing.assert_close(conv(x), torch.conv2d(x, full, conv.dw.bias, padding=1))


@pytest.mark.parametrize(
    ("file", "names", "psnr"),
    [
        ("bsrn/net_g_BSRN_x4.pth", ("butterfly",), 29.013),
        ("bsrn/net_g_BSRN-S.pth", ("butterfly", "woman"), (28.612 + 30.637) / 2),
    ],
)
def test_official_files_score_as_their_authors_code(file, names, psnr, shared):
    assert official_psnr(file, shared, names) == pytest.approx(psnr, abs=0.01)
