"""LKDN: local, and equal to the authors' network."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sr.architectures import registry
from napari_sr.architectures.lkdn import LKDB
from napari_sr.architectures.receptive_field import halo
from napari_sr.models import load_model
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=10, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 12)),
    blocks=st.integers(1, 10),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognized(scale, channels, blocks, in_channels):
    assert_recognised(
        "lkdn", scale=scale, channels=channels, blocks=blocks, in_channels=in_channels
    )


def test_parameter_count_is_the_papers():
    network = registry.get("lkdn").build(scale=4)
    assert sum(value.numel() for value in network.parameters()) == pytest.approx(322e3, rel=0.005)


def test_halo_is_the_sum_of_the_kernel_radii():
    """Four 3x3 convolutions, a 5x5 and a dilated 5x5 convolution in each block; three 3x3 convolutions outside."""
    for blocks in (1, 2, 8):
        network = registry.get("lkdn").build(channels=8, blocks=blocks, scale=2)
        assert halo(network) == blocks * (4 + 2 + 6) + 3


def test_block_equals_a_literal_transcription():
    """Written out without shared blocks: no inner residuals, unbounded weights, normalization before the skip."""
    torch.manual_seed(0)
    block = LKDB(8).double()
    p = {name: torch.randn_like(value) for name, value in block.state_dict().items()}
    block.load_state_dict(p)
    x = torch.randn(2, 8, 9, 11, dtype=torch.float64)

    def point(name, u):
        return F.conv2d(u, p[f"{name}.weight"], p[f"{name}.bias"])

    def blueprint(name, u):
        u = F.conv2d(u, p[f"{name}.pw.weight"])
        weight, bias = p[f"{name}.dw.weight"], p[f"{name}.dw.bias"]
        return F.conv2d(u, weight, bias, padding=1, groups=u.shape[1])

    kept, u = [], x
    for i in (1, 2, 3):
        kept.append(F.gelu(point(f"c{i}_d", u)))
        u = F.gelu(blueprint(f"c{i}_r", u))
    kept.append(F.gelu(blueprint("c4", u)))
    u = point("c5", torch.cat(kept, 1))
    weights = point("atten.pointwise", u)
    for name, options in (("depthwise", (1, 2, 1)), ("depthwise_dilated", (1, 6, 3))):
        kernel = (p[f"atten.{name}.weight"], p[f"atten.{name}.bias"])
        weights = F.conv2d(weights, *kernel, *options, groups=8)
    u = point("c6", u * weights)
    u = (u - u.mean(1, keepdim=True)) / (u.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    scale, shift = (p[f"pixel_norm.{n}"].view(1, -1, 1, 1) for n in ("weight", "bias"))
    torch.testing.assert_close(block(x), x + u * scale + shift)


def test_official_file_in_tiles_is_the_whole_image(shared):
    """At the halo that was measured from the network."""
    model = load_model(shared / "checkpoints/lkdn/LKDN_x4.pth")
    network, reach = model.network(4), model.halo(4)
    cut = reach + 21
    x = torch.rand(1, 3, 20, 2 * cut)
    with torch.inference_mode():
        whole = network(x)
        left = network(x[..., : cut + reach])[..., : 4 * cut]
        right = network(x[..., cut - reach :])[..., 4 * reach :]
    torch.testing.assert_close(torch.cat([left, right], -1), whole, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("file", "expected"), [("LKDN_x2.pth", 38.114), ("LKDN_x4.pth", 32.390)])
def test_official_files_score_as_their_authors_code(file, expected, shared):
    assert official_psnr(f"lkdn/{file}", shared) == pytest.approx(expected, abs=0.01)
