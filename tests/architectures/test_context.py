"""A tile that knows where it lies gives what the whole image gives."""

from __future__ import annotations

import cv2
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sr.architectures import registry
from napari_sr.architectures.blocks import PlainESA, on_cells
from napari_sr.architectures.context import (
    ChannelStatistics,
    ContextNetwork,
    StatisticsGathered,
    TileContext,
)
from napari_sr.errors import InputError
from napari_sr.models import load_model
from tests.architectures.tiled import seamless, tiled

FRAMED = (
    "imdn",
    "imdn-as",
    "rfdn",
    "bsrn",
    "bsrn-s",
    "rlfn",
    "reprfn-plain",
    "safmn",
    "safmn-ntire",
    "smfanet",
)


def small(id_: str) -> ContextNetwork:
    torch.manual_seed(3)
    network = registry.get(id_).build(channels=16, blocks=2)
    # attention that makes a difference; as initialised it hardly does
    for name, value in network.named_parameters():
        if name.endswith("conv_du.0.weight"):
            torch.nn.init.uniform_(value, 0, 3)
        if name.endswith(("conv_du.2.weight", "smfa.belt")) or name == "norm.gamma":
            torch.nn.init.normal_(value)
    return network.eval()


@pytest.mark.parametrize("id_", FRAMED)
def test_one_tile_that_is_the_image_changes_nothing(id_):
    network = small(id_)
    x = torch.rand(2, 3, 44, 52)
    with torch.inference_mode():
        framed = network(x[:1], TileContext((44, 52), ((0, 0),)))
        torch.testing.assert_close(framed, network(x)[:1], atol=2e-6, rtol=1e-5)


def test_every_network_that_is_framed_is_tried_here():
    ids = {a.id for a in registry.architectures() if _is_framed(a.build)} - {"reprfn"}
    assert ids == set(FRAMED)


def _is_framed(build: object) -> bool:
    return isinstance(build, type) and issubclass(build, ContextNetwork)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(108, 140),
    width=st.integers(108, 140),
    y=st.integers(0, 4),
    x=st.integers(0, 4),
    seed=st.integers(0, 9),
)
def test_strided_attention_has_the_whole_images_map(height, width, y, x, seed):
    torch.manual_seed(seed)
    attention, features = PlainESA(8, 4), torch.rand(1, 8, height, width)
    first, halo = (6 * y, 6 * x), 36
    tiles = [features[..., r : r + 84, c : c + 84] for r, c in (first, (0, 0))]
    context = TileContext((height, width), (first, (0, 0)))
    with torch.inference_mode():
        whole = attention(features)[..., first[0] :, first[1] :]
        got = attention(torch.cat(tiles), context)[:1]
    inside = (..., slice(halo, 84 - halo), slice(halo, 84 - halo))
    torch.testing.assert_close(got[inside], whole[inside], atol=1e-6, rtol=1e-5)


def test_a_tile_off_the_grid_is_refused():
    with pytest.raises(InputError, match="multiples of 6"):
        PlainESA(8, 4)(torch.rand(1, 8, 30, 30), TileContext((60, 60), ((4, 0),)))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(120, 170),
    width=st.integers(120, 170),
    y=st.integers(0, 5),
    x=st.integers(0, 5),
    stride=st.sampled_from((2, 4, 8, 16)),
)
def test_pooled_cells_are_those_of_the_whole_images_grid(height, width, y, x, stride):
    features = torch.rand(2, 3, height, width)

    def blur(cells: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(cells, 3, 1, padding=1)

    origins = ((y, x), (height - 112, width - 112))
    tiles = torch.stack(
        [f[:, r : r + 112, c : c + 112] for f, (r, c) in zip(features, origins, strict=True)]
    )
    whole = on_cells(features, stride, blur, None)
    # a pixel reads its cell and, by the blur, the next one; cells are hardly longer than the stride
    halo = 3 * stride
    got = on_cells(tiles, stride, blur, TileContext((height, width), origins))
    for i, (r, c) in enumerate(origins):
        inside = slice(halo, 112 - halo)
        expected = whole[i, :, r : r + 112, c : c + 112][:, inside, inside]
        torch.testing.assert_close(got[i][:, inside, inside], expected, atol=0, rtol=0)


@pytest.mark.parametrize("id_", FRAMED)
def test_tiles_give_the_image_with_any_weights(id_):
    """Random weights hardly decay, so the halo here is that of the true reach of two blocks."""
    network = small(id_)
    x = torch.rand(1, 3, 144, 148) * torch.linspace(0.1, 1, 148)
    with torch.inference_mode():
        whole = network(x)
        error = (seamless(network, x, 72, 72, network.statistics_layers) - whole).abs().max()
        apart = (tiled(network, x, 72, 72) - whole).abs().max()
    assert error <= 1e-5
    assert network.statistics_layers == 0 or apart > 3 * error
    assert network.statistics_layers == (
        2 if id_ in ("imdn", "imdn-as", "bsrn", "smfanet") else id_ == "safmn-ntire"
    )


# Largest difference in grey levels of 255 at this halo, statistics converged: 0.05 is the bar.
OFFICIAL = [
    ("rfdn/RFDN_AIM.pth", 72, 0),
    ("rlfn/rlfn_s_x4.pth", 72, 0),
    ("reprfn/reprfn_ntire_x4.pth", 72, 0),
    ("bsrn/net_g_BSRN-S.pth", 72, 0),
    ("bsrn/net_g_BSRN_x4.pth", 72, 4),
    ("imdn/IMDN_x4.pth", 28, 4),
    ("safmn/team15_SAFMN.pth", 72, 1),
    ("smfanet/SMFANet_DF2K_x4.pth", 72, 8),
    ("smfanet/SMFANet_plus_DF2K_x4.pth", 72, 12),
]


@pytest.mark.parametrize(("file", "halo", "passes"), OFFICIAL)
def test_official_networks_have_no_seams(file, halo, passes, shared):
    model = load_model(shared / "checkpoints" / file)
    network, peak = model.network(4), model.card.value_range
    image = cv2.imread(str(shared / "data/benchmarks/Set14/HR/barbara.png"))[300:402, 300:480, ::-1]
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() * (peak / 255)
    with torch.inference_mode():
        difference = (seamless(network, x, 90, halo, passes) - network(x)).abs().max()
    assert float(difference) * 255 / peak <= 0.05


def test_context_shrinks_with_the_stride_of_the_features():
    gather = ChannelStatistics()
    context = TileContext((40, 50), ((8, 12),), ((4, 0, 24, 30),), gather=gather).strided(4)
    assert context == TileContext((10, 13), ((2, 3),), ((1, 0, 6, 8),), gather=gather)


@pytest.mark.parametrize("blocks", [1, 3])
def test_imdn_reaches_as_far_as_it_says_once_the_statistics_are_known(blocks):
    network = registry.get("imdn").build(channels=16, blocks=blocks, scale=2).eval().double()
    size = (8, 2 * network.reach + 21)
    x, gather = torch.rand(1, 3, *size).double(), ChannelStatistics()
    changed = x.clone()
    changed[..., 4, network.reach + 10] = float("nan")
    with torch.inference_mode():
        network(x, TileContext(size, ((0, 0),), gather=gather))
        y = network(changed, TileContext(size, ((0, 0),), statistics=gather))
    columns = y.isnan().flatten(0, 2).any(dim=0).nonzero().flatten() // 2
    assert (int(columns.min()), int(columns.max())) == (10, 2 * network.reach + 10)


def test_a_look_ends_behind_the_last_statistics():
    network = small("safmn-ntire")
    gather = ChannelStatistics()
    network.to_img = None  # whatever comes behind is not needed
    with pytest.raises(StatisticsGathered):
        network(torch.rand(1, 3, 40, 40), TileContext((40, 40), ((0, 0),), gather=gather, last=0))
    assert 0 in gather
