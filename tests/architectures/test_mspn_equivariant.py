"""The equivariant MSPN: its properties hold for any weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.bicubic import Bicubic
from napari_sr.architectures.mspn_equivariant import BicubicSkip, EquivariantMSPN, differences
from napari_sr.architectures.receptive_field import halo
from napari_sr.models import count_cost
from tests.architectures.families import assert_recognised

SIZES = {
    "mspn": ({"channels": 48, "blocks": 4}, 350e3, 23e9),
    "mspn-fast": ({"channels": 32, "blocks": 4, "steps": 4, "narrow": 0}, 200e3, 12e9),
}
"""Configuration, and the most parameters and multiply-adds at 256x256 pixels, of the models that are trained."""


def network(scale: int = 2, in_channels: int = 1, **config) -> EquivariantMSPN:
    """A small network whose detail is as large as its skip, as no trained one's is."""
    torch.manual_seed(0)
    made = EquivariantMSPN(scale, in_channels, **{"channels": 16, "blocks": 2, **config})
    return made.eval().requires_grad_(False)


@settings(max_examples=10, deadline=None)
@given(
    scale=st.integers(2, 4),
    channels=st.sampled_from((8, 12)),
    blocks=st.integers(1, 11),
    steps=st.integers(1, 4),
    narrow=st.sampled_from((0, 16)),
    in_channels=st.sampled_from((1, 3)),
)
def test_any_size_is_recognized(scale, channels, blocks, steps, narrow, in_channels):
    assert_recognised(
        "mspn-equivariant",
        scale=scale,
        channels=channels,
        blocks=blocks,
        steps=steps,
        narrow=narrow,
        in_channels=in_channels,
    )


def test_each_form_of_mspn_recognizes_its_own_files_only():
    """Whichever of the two modules is imported first."""
    forms = {name: registry.get(name) for name in ("mspn", "mspn-equivariant")}
    for name, form in forms.items():
        state = form.build(channels=8, blocks=1).state_dict()
        assert [each.id for each in forms.values() if each.detect(state)] == [name]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", SIZES)
def test_models_stay_within_their_budget(name, scale):
    config, parameters, macs = SIZES[name]
    cost = count_cost(EquivariantMSPN(scale, **config), 256, 256)
    assert cost.parameters <= parameters
    assert cost.macs <= macs


@settings(max_examples=60, deadline=None)
@given(
    gain=st.floats(-3, 4).map(lambda exponent: 10**exponent),
    offset=st.floats(-1e6, 1e6),
    scale=st.integers(2, 4),
    in_channels=st.sampled_from((1, 3)),
)
def test_gain_and_offset_pass_through(gain, offset, scale, in_channels):
    """To 1e-5 of the range, for exactly the image that the network was given."""
    made = network(scale, in_channels)
    x = torch.rand(1, in_channels, 17, 21, generator=torch.Generator().manual_seed(1))
    changed = gain * x + offset
    # a large offset rounds the image itself: what is left of it is what the network can be expected to keep
    x = ((changed.double() - offset) / gain).float()
    expected = gain * made(x).double() + offset
    spacing = torch.finfo(torch.float32).eps * abs(offset)
    error = (made(changed).double() - expected).abs().max()
    assert error <= 1e-5 * gain + 2 * spacing


def test_each_channel_may_have_an_offset_of_its_own():
    made = network(in_channels=3)
    x = torch.rand(1, 3, 20, 24)
    offset = torch.tensor([0.5, -0.25, 4.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(made(x + offset), made(x) + offset, atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(
    value=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False), scale=st.integers(2, 4)
)
def test_a_flat_image_stays_flat_exactly(value, scale):
    made = network(scale, 3)
    x = torch.full((1, 3, 9, 11), value) * torch.tensor([1.0, 0.5, -2.0]).view(1, 3, 1, 1)
    expected = x[..., :1, :1].expand(1, 3, 9 * scale, 11 * scale)
    assert torch.equal(made(x), expected)


def test_a_flat_region_stays_flat_exactly_beside_a_bright_one():
    """However bright that is, beyond the receptive field nothing of it is seen."""
    made = network()
    reach = halo(made)
    x = torch.full((1, 1, 12, 3 * reach), 1000.1)
    x[..., -reach:] = 6e7 * torch.rand(reach)
    y = made(x)[..., : 2 * reach]
    assert torch.equal(y, torch.full_like(y, 1000.1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_stored_in_low_precision_keep_the_properties(dtype):
    made = network()
    stored = {name: value.to(dtype) for name, value in made.state_dict().items()}
    made.load_state_dict(stored)
    flat = torch.full((1, 1, 9, 9), 1234.5)
    assert torch.equal(made(flat), torch.full((1, 1, 18, 18), 1234.5))
    x = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(made(1000 * x + 7), 1000 * made(x) + 7, atol=1e-2, rtol=0)


def test_the_skip_stays_in_float32_under_autocast():
    """Without detail of the network, bfloat16 changes nothing."""
    made = network(in_channels=3)
    torch.nn.init.zeros_(made.upsampler[0].weight)
    x = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        y = made(x)
    assert torch.equal(y, made(x))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_skip_is_bicubic(scale):
    """Equal to the reference off the border, where that mirrors the image instead of repeating it."""
    x = torch.rand(2, 3, 11, 13, dtype=torch.float64)
    y = BicubicSkip(scale, 3).double()(x, differences(x))
    inside = (..., slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    torch.testing.assert_close(y[inside], Bicubic(scale).double()(x)[inside], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("narrow", "radius"), [(0, 3), (16, 5)])
def test_halo_is_what_the_layers_add_up_to(narrow, radius):
    """A 5x5 kernel of differences reaches 3 pixels; three 3x3 convolutions 3, the dilated ones 5."""
    assert halo(network(blocks=3, narrow=narrow)) == 3 + 3 * radius + 1 + 1


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(40, 60), scale=st.integers(2, 4))
def test_tiles_with_the_measured_halo_give_the_whole_image(cut, scale):
    made = network(scale)
    reach = halo(made)
    x = torch.rand(1, 1, 14, 100)
    left = made(x[..., : cut + reach])[..., : scale * cut]
    right = made(x[..., cut - reach :])[..., scale * reach :]
    torch.testing.assert_close(torch.cat([left, right], -1), made(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 1)])
def test_the_smallest_images_are_enlarged(size):
    y = network(in_channels=3)(torch.rand(1, 3, *size))
    assert y.shape[-2:] == (2 * size[0], 2 * size[1])
    assert y.isfinite().all()
