"""Initial weights: from the same network, another scale, more channels, or a network with branches."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.training._initialization import average_weights, init_weights


def test_a_merged_network_starts_from_a_network_with_branches(tmp_path):
    trained = registry.get("ecbsr").build(scale=2, m=1, c=4)
    save_file(trained.state_dict(), tmp_path / "best.safetensors")
    merged = registry.get("ecbsr-plain").build(scale=2, m=1, c=4)
    init_weights(merged, tmp_path / "best.safetensors")
    x = torch.rand(1, 1, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(merged(x), trained(x), atol=1e-5, rtol=0)


def test_average_of_weights(tmp_path):
    """Each tensor lies half way between two; the average of equal weights is the same network."""
    both = [registry.get("ecbsr-plain").build(scale=2, m=1, c=4) for _ in range(2)]
    paths = [tmp_path / f"{i}.safetensors" for i in range(2)]
    for network, path in zip(both, paths, strict=True):
        save_file(network.state_dict(), path)
    start = registry.get("ecbsr-plain").build(scale=2, m=1, c=4)
    average_weights(start, paths)
    for name, value in start.state_dict().items():
        first, second = (network.state_dict()[name] for network in both)
        torch.testing.assert_close(value, (first + second) / 2, msg=name)
    average_weights(start, [paths[0]] * 3)
    for name, value in start.state_dict().items():
        torch.testing.assert_close(value, both[0].state_dict()[name], msg=name)


def test_one_of_several_files_that_does_not_fit_is_named(tmp_path):
    good = registry.get("ecbsr-plain").build(scale=2, m=1, c=4)
    save_file(good.state_dict(), tmp_path / "good.safetensors")
    save_file({"other": torch.zeros(1)}, tmp_path / "bad.safetensors")
    before = {name: value.clone() for name, value in good.state_dict().items()}
    with pytest.raises(RecipeError, match=r"bad\.safetensors"):
        average_weights(good, [tmp_path / "good.safetensors", tmp_path / "bad.safetensors"])
    assert all(torch.equal(value, before[name]) for name, value in good.state_dict().items())


def test_another_scale_initializes_all_but_the_last_layer(tmp_path):
    small = registry.get("ecbsr-plain").build(scale=2, m=1, c=4)
    save_file(small.state_dict(), tmp_path / "x2.safetensors")
    large = registry.get("ecbsr-plain").build(scale=4, m=1, c=4)
    before = large.state_dict()["backbone.2.conv3x3.weight"].clone()
    assert init_weights(large, tmp_path / "x2.safetensors") == len(small.state_dict()) - 2
    first, last = "backbone.0.conv3x3.weight", "backbone.2.conv3x3.weight"
    assert torch.equal(large.state_dict()[first], small.state_dict()[first])
    assert torch.equal(large.state_dict()[last], before)


def test_a_network_with_one_channel_starts_as_the_rgb_one_on_gray_images(tmp_path):
    color = registry.get("mspn").build(scale=2, in_channels=3, channels=8, blocks=1)
    save_file(color.state_dict(), tmp_path / "rgb.safetensors")
    grey = registry.get("mspn").build(scale=2, in_channels=1, channels=8, blocks=1)
    assert init_weights(grey, tmp_path / "rgb.safetensors") == len(grey.state_dict())
    x = torch.rand(1, 1, 9, 11)
    with torch.no_grad():
        wanted = color(x.expand(-1, 3, -1, -1)).mean(dim=1, keepdim=True)
        torch.testing.assert_close(grey(x), wanted, atol=1e-5, rtol=0)


def test_more_passes_start_from_fewer_with_smaller_gains(tmp_path):
    """If a block changes little, as a trained one does, only the sum of the gains matters."""
    torch.manual_seed(0)
    few, many = (
        registry.get("mspn").build(scale=2, channels=8, blocks=2, passes=n) for n in (2, 3)
    )
    with torch.no_grad():
        for block in few.blocks:
            block.fuse.weight *= 0.01
            block.gains[0].fill_(0.3)
            block.gains[1].fill_(0.9)
    save_file(few.state_dict(), tmp_path / "few.safetensors")
    init_weights(many, tmp_path / "few.safetensors")
    for block in many.blocks:
        means = [float(gain.detach().mean()) for gain in block.gains]
        assert means == pytest.approx([0.2, 0.4, 0.6])
    x = torch.rand(1, 3, 12, 13)
    assert (many(x) - few(x)).abs().mean() < 0.01 * (few(x) - x.mean()).abs().mean()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ecbsr", {"m": 1, "c": 4}),
        ("mspn", {"channels": 8, "blocks": 1, "blueprint": True}),
        ("reprfn", {"blocks": 1}),
    ],
)
def test_branches_cannot_start_from_merged_weights(name, options, tmp_path):
    """Both forms share some names; these tensors would fit by themselves, and be wrong."""
    trained = registry.get(name).build(scale=2, **options)
    save_file(trained.merged().state_dict(), tmp_path / "merged.safetensors")
    other_scale = registry.get(name).build(scale=4, **options)
    for network in (trained, other_scale):
        before = {k: v.clone() for k, v in network.state_dict().items()}
        with pytest.raises(RecipeError, match="is merged"):
            init_weights(network, tmp_path / "merged.safetensors")
        assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert init_weights(trained.merged(), tmp_path / "merged.safetensors")
