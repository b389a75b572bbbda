"""RepRFN: what trains and what runs is one function."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures.reprfn import RepBlock, RepRFN
from napari_sr.architectures.rfn import RFN
from tests.architectures.families import assert_recognised, official_psnr

sizes = st.fixed_dictionaries(
    {
        "scale": st.integers(2, 4),
        "channels": st.sampled_from((4, 18)),
        "blocks": st.integers(1, 10),
        "in_channels": st.sampled_from((1, 3)),
    }
)


@settings(max_examples=10, deadline=None)
@given(id_=st.sampled_from(("reprfn", "reprfn-plain")), config=sizes)
def test_any_size_and_form_is_recognised(id_, config):
    assert_recognised(id_, **config)


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """Every parameter of the size of a trained one; as initialised the edge filters are next to nothing."""
    for name, value in module.named_parameters():
        if "mask" not in name:
            torch.nn.init.normal_(value, std=0.3 if value.ndim == 1 else 0.1)
    return module


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_a_block_merged_equals_its_branches_borders_included(seed):
    torch.manual_seed(seed)
    block = randomised(RepBlock(6)).double()
    x = torch.rand(2, 6, 5, 7, dtype=torch.float64)
    with torch.inference_mode():
        expected = block.branches(x)
        torch.testing.assert_close(block(x), expected)
        weight, bias = block.kernel()
        plain = torch.conv2d(torch.nn.functional.pad(x, (1, 1, 1, 1)), weight, bias)
        torch.testing.assert_close(plain, expected)


def test_the_network_merged_equals_the_network():
    torch.manual_seed(0)
    network = randomised(RepRFN(4, channels=12, blocks=2)).eval()
    merged = network.merged().eval()
    assert type(merged) is RFN
    x = torch.rand(1, 3, 20, 23)
    with torch.inference_mode():
        y = network(x)
        assert float((merged(x) - y).abs().max()) <= 1e-5 * float(y.abs().max())


def test_training_reaches_every_branch():
    block = RepBlock(4)
    block(torch.rand(1, 4, 6, 6)).square().sum().backward()
    lazy = {n for n, p in block.named_parameters() if p.requires_grad and p.grad.abs().max() < 1e-5}
    # an edge filter sums to 0, so a bias before it cannot change anything
    assert lazy == {f"rbr_conv1x1_{edge}_branch.b0" for edge in ("sbx", "sby", "lpl")}


def test_official_file_scores_as_its_authors_code(shared):
    file = "reprfn/reprfn_ntire_x4.pth"
    assert official_psnr(file, shared, ("butterfly",)) == pytest.approx(28.639, abs=0.01)
    assert sum(value.numel() for value in RFN().parameters()) == 401_504
