"""MSPN: local, mergeable, and what its design demands."""

from __future__ import annotations

import pytest
import torch

from napari_sr.architectures import registry
from napari_sr.architectures.mspn import DILATIONS, MSPN
from napari_sr.architectures.receptive_field import halo


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def unscale(network):
    """Let every pass count differently."""
    for block in network.blocks:
        for gain in block.gains:
            torch.nn.init.normal_(gain)


def test_three_dilated_steps_see_eleven_pixels_and_three_others_seven():
    assert 1 + 2 * sum(DILATIONS) == 11
    assert 1 + 2 * len(DILATIONS) == 7


def test_without_the_dilated_combination_it_sees_less_far():
    assert halo(MSPN(2, channels=8, blocks=3, dilated="none")) == 1 + 3 * len(DILATIONS) + 1 + 1


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_has_no_more_parameters_than_bsrn(scale):
    bsrn = registry.get("bsrn").build(scale=scale)
    assert parameters(MSPN(scale)) <= parameters(bsrn)


@pytest.mark.parametrize("dilated", ["narrow", "full"])
def test_halo_is_what_its_layers_add_up_to(dilated):
    """Head, blocks, tail and upsampler; nothing reaches further, however many parameters there are."""
    assert halo(MSPN(2, channels=8, blocks=3, dilated=dilated)) == 1 + 3 * sum(DILATIONS) + 1 + 1


@pytest.mark.parametrize("passes", [2, 3])
def test_each_pass_sees_as_far_again(passes):
    network = MSPN(2, channels=8, blocks=2, passes=passes)
    assert halo(network) == 1 + 2 * passes * sum(DILATIONS) + 1 + 1


@pytest.mark.parametrize("attention", ["none", "free", "pixel", "large"])
def test_goes_on_from_one_pass_with_several_from_nearly_the_same_function(attention):
    """Smaller steps of the same differential equation: far closer than a network with other weights."""
    torch.manual_seed(0)
    once = MSPN(2, channels=8, blocks=2, attention=attention)
    others = MSPN(2, channels=8, blocks=2, attention=attention)
    for block in once.blocks:  # as after training: a block changes its input a little
        torch.nn.init.normal_(block.fuse.weight, std=0.02)
    several = MSPN(2, channels=8, blocks=2, attention=attention, passes=3)
    missing, unexpected = several.load_state_dict(once.state_dict(), strict=False)
    assert len(missing) == 2 * 3
    assert not unexpected
    x = torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        change = (several(x) - once(x)).abs().mean()
        assert 0 < change < 0.1 * (others(x) - once(x)).abs().mean()


def test_two_passes_at_full_gain_are_the_same_block_twice():
    torch.manual_seed(0)
    block = MSPN(2, channels=8, blocks=1, passes=2).blocks[0]
    plain = MSPN(2, channels=8, blocks=1).blocks[0]
    plain.load_state_dict(block.state_dict(), strict=False)
    x = torch.randn(1, 8, 12, 12)
    with torch.no_grad():
        for gain in block.gains:
            gain.fill_(1)
        torch.testing.assert_close(block(x), plain(plain(x)))


@pytest.mark.parametrize("attention", ["none", "free", "pixel", "large"])
@pytest.mark.parametrize("dilated", ["narrow", "full", "none"])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("passes", [1, 2])
def test_merged_is_the_same_borders_included(attention, dilated, scale, passes):
    torch.manual_seed(0)
    size = {"channels": 8, "blocks": 2, "passes": passes}
    network = MSPN(scale, **size, attention=attention, dilated=dilated, blueprint=True).double()
    unscale(network)
    x = torch.rand(1, 3, 11, 9, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network.merged()(x), network(x), rtol=0, atol=1e-9)
    assert parameters(network.merged()) < parameters(network)


@pytest.mark.parametrize("attention", ["none", "pixel", "large"])
@pytest.mark.parametrize("dilated", ["narrow", "full"])
@pytest.mark.parametrize("blueprint", [False, True])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("passes", [1, 3])
def test_is_recognised_from_its_tensors(attention, dilated, blueprint, plain, passes):
    options = {"attention": attention, "dilated": dilated, "blueprint": blueprint, "plain": plain}
    network = MSPN(3, 1, 8, 2, **options, passes=passes)
    unscale(network)
    architecture, config = registry.detect(network.state_dict())
    assert architecture.id == "mspn"
    again = architecture.build(**config)
    again.load_state_dict(network.state_dict())
    assert again.scale == 3
    x = torch.rand(1, 1, 9, 9)
    assert torch.equal(again(x), network(x))


def test_a_fresh_convolution_passes_its_input_on():
    """A residual unit is one convolution here; without that, training starts far slower."""
    x = torch.randn(1, 8, 24, 24)
    step = MSPN(2, channels=8).blocks[0].steps[0]
    with torch.no_grad():
        change = step(x) - x
    assert change.std() < x.std()


def test_starts_as_a_small_change_of_the_enlarged_input():
    """The skip carries the image; a fresh network adds little, so that training starts from something sane."""
    torch.manual_seed(0)
    x = torch.rand(1, 3, 16, 16)
    enlarged = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    with torch.no_grad():
        difference = torch.cat([MSPN(2)(x) - enlarged for _ in range(10)])
    assert difference.abs().mean() < 0.2
