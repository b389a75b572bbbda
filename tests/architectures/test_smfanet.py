"""SMFANet and SMFANet+."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sr.architectures.context import ChannelStatistics, TileContext
from napari_sr.architectures.smfanet import SMFA
from tests.architectures.families import assert_recognised, official_psnr


@settings(max_examples=10, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 12)),
    blocks=st.integers(1, 13),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognized(scale, channels, blocks, in_channels):
    assert_recognised(
        "smfanet", scale=scale, channels=channels, blocks=blocks, in_channels=in_channels
    )


def modulated(p, x):
    """The aggregation written out for a whole image."""

    def point(name, u):
        return F.conv2d(u, p[f"{name}.weight"], p[f"{name}.bias"])

    y, x = point("linear_0", x).chunk(2, dim=1)
    height, width = x.shape[-2:]
    cells = F.adaptive_max_pool2d(x, (height // 8, width // 8))
    groups = x.shape[1]
    cells = F.conv2d(cells, p["dw_conv.weight"], p["dw_conv.bias"], padding=1, groups=groups)
    deviation = x - x.mean((2, 3), keepdim=True)
    variance = deviation.square().sum((2, 3), keepdim=True) / (height * width - 1)
    weights = F.gelu(point("linear_1", cells * p["alpha"] + variance * p["belt"]))
    x = x * F.interpolate(weights, size=(height, width), mode="nearest")
    weight, bias = p["lde.conv_0.0.weight"], p["lde.conv_0.0.bias"]
    y = F.conv2d(y, weight, bias, padding=1, groups=groups)
    y = point("lde.conv_1", F.gelu(point("lde.conv_0.1", y)))
    return point("linear_2", x + y)


@pytest.mark.parametrize("size", [(8, 8), (17, 30), (40, 23)])
def test_aggregation_equals_a_literal_transcription(size):
    torch.manual_seed(0)
    module = SMFA(6).double()
    state = {name: torch.randn_like(value) for name, value in module.state_dict().items()}
    module.load_state_dict(state)
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    expected = modulated(state, x)
    torch.testing.assert_close(module(x), expected)


def test_each_tile_of_a_batch_uses_its_own_variance_where_none_is_known():
    """Before the first pass over an image, statistics are those of each tile."""
    torch.manual_seed(0)
    module = SMFA(6)
    torch.nn.init.ones_(module.belt)
    x = torch.randn(2, 6, 16, 24) * torch.tensor([1.0, 4.0])[:, None, None, None]
    context = TileContext((16, 24), ((0, 0), (0, 0)), gather=ChannelStatistics())
    torch.testing.assert_close(module(x, context), module(x))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("SMFANet_DF2K_x4.pth", 32.252),
        ("SMFANet_plus_DF2K_x2.pth", 38.185),
        ("SMFANet_plus_DF2K_x3.pth", 34.665),
        ("SMFANet_plus_DF2K_x4.pth", 32.511),
    ],
)
def test_official_files_score_as_their_authors_code(file, expected, shared):
    assert official_psnr(f"smfanet/{file}", shared) == pytest.approx(expected, abs=0.01)
