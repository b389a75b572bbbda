"""Degradation: noise and blur have the statistics of the recipe, and each patch has its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_sr.errors import RecipeError
from napari_sr.imaging import imresize
from napari_sr.training import Stage, read_recipe
from napari_sr.training._dataset import load_data
from napari_sr.training._degrade import Degradation, blur, shrink
from napari_sr.training._recipe import DegradationRecipe
from tests.training.conftest import read_phase


def degraded(large, scale=2, seed=0, **limits):
    recipe = DegradationRecipe(**limits)
    return Degradation(recipe, scale)(large, torch.Generator().manual_seed(seed))


def scene(count=4, side=48, channels=1):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1))


def flat(value, count=64, side=64):
    return torch.full((count, 1, side, side), value)


def test_default_degradation_is_bicubic_downscaling():
    large = scene()
    small, target = degraded(large)
    assert torch.equal(target, large)
    expected = np.stack([imresize(each[0].numpy(), 1 / 2).clip(0, 1) for each in large])
    np.testing.assert_allclose(small[:, 0], expected, atol=1e-6)
    assert not DegradationRecipe().active


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrink_equals_matlab_bicubic(scale):
    image = np.random.default_rng(0).random((12 * scale, 7 * scale))
    found = shrink(torch.from_numpy(image).float()[None, None], scale)[0, 0]
    np.testing.assert_allclose(found, imresize(image, 1 / scale), atol=1e-6)


def test_each_image_is_blurred_by_its_own_gaussian():
    images, sigmas = scene(3, 40, 2), torch.tensor([0.0, 0.8, 2.5])
    found = blur(images, sigmas)
    for image, sigma, each in zip(images, sigmas.tolist(), found, strict=True):
        expected = gaussian_filter(image.numpy(), (0, sigma, sigma), mode="mirror", radius=8)
        np.testing.assert_allclose(each, expected, atol=1e-5)


def test_blur_is_in_small_pixels():
    """A point of light has the variance of the Gaussian, and of bicubic's, at every scale."""
    for scale in (2, 4):
        side = 31 * scale
        large = torch.zeros(1, 1, side, side)
        large[..., side // 2, side // 2] = 1
        wide, narrow = (degraded(large, scale, blur=(s, s))[0][0, 0] for s in (2.0, 1.0))
        variances = []
        for image in (wide, narrow):
            profile = image.sum(0) / image.sum()
            at = torch.arange(len(profile))
            variances.append(float((profile * (at - (profile * at).sum()) ** 2).sum()))
        assert variances[0] - variances[1] == pytest.approx(3, abs=0.1)


def test_softness_is_in_both_images():
    large = scene(3, 60)
    small, target = degraded(large, softness=(1.3, 1.3))
    soft = np.stack([gaussian_filter(each[0], 1.3, mode="mirror", radius=4) for each in large])
    np.testing.assert_allclose(target[:, 0], soft, atol=1e-5)
    expected = np.stack([imresize(each, 1 / 2) for each in soft])
    np.testing.assert_allclose(small[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize(("light", "photons"), [(0.2, 50.0), (0.5, 1000.0)])
def test_shot_noise_variance_is_light_over_photons(light, photons):
    small, _ = degraded(flat(light), photons=(photons, photons))
    assert small.mean() == pytest.approx(light, rel=5e-3)
    assert small.var() == pytest.approx(light / photons, rel=0.03)


def test_shot_and_read_noise_variances_add():
    small, _ = degraded(flat(0.4), photons=(200.0, 200.0), read_noise=(0.03, 0.03))
    assert small.var() == pytest.approx(0.4 / 200 + 0.03**2, rel=0.03)


def test_noise_is_in_the_input_and_not_in_the_target():
    small, target = degraded(flat(0.4), read_noise=(0.05, 0.05), photons=(90.0, 90.0))
    assert small.std() > 0.05
    assert target.std() < 1e-6


def test_gain_gamma_and_offset_are_in_both_images():
    large = flat(0.25, 4)
    small, target = degraded(large, gain=(0.5, 0.5), gamma=(2.0, 2.0), offset=(0.1, 0.1))
    for image in (small, target):
        torch.testing.assert_close(image, torch.full_like(image, 0.25**2 * 0.5 + 0.1))


@pytest.mark.parametrize("name", ["gain", "offset", "gamma"])
def test_each_patch_draws_its_own_values_uniformly(name):
    limits = {"gain": (0.2, 0.8), "offset": (0.1, 0.4), "gamma": (0.5, 2.0)}[name]
    _, target = degraded(flat(0.5, 4000, 2), **{name: limits})
    seen = target[:, 0, 0, 0]
    drawn = {"gain": seen / 0.5, "offset": seen - 0.5, "gamma": seen.log() / np.log(0.5)}[name]
    assert float(drawn.min()) == pytest.approx(limits[0], abs=0.01)
    assert float(drawn.max()) == pytest.approx(limits[1], abs=0.01)
    assert float(drawn.mean()) == pytest.approx(sum(limits) / 2, rel=0.02)


def test_degraded_images_stay_in_range():
    small, target = degraded(scene(8), read_noise=(0.5, 0.5), offset=(0.4, 0.4), gain=(1.5, 1.5))
    for image in (small, target):
        assert float(image.min()) >= 0
        assert float(image.max()) <= 1


TABLE = """
[degradation]
softness = [0, 0.6]
blur = [0.3, 1.2]
photons = [50, 5000]
read_noise = [0, 0.02]
offset = [0, 0.1]
gain = [0.2, 1]
gamma = [0.5, 2]
"""


def test_degradation_of_a_recipe_is_applied(workspace):
    path = workspace / "recipe.toml"
    path.write_text(path.read_text() + TABLE)
    phase = read_phase(path)
    assert phase.degradation.photons == (50.0, 5000.0)
    train, held_out = load_data(phase)
    drawn = train.draw(Stage(1, patch=12, batch=5), torch.Generator().manual_seed(0))
    small, large = drawn.small, drawn.large
    assert small.shape == (5, 1, 12, 12)
    assert large.shape == (5, 1, 24, 24)
    again = held_out.pairs()
    for pair, other in zip(held_out.pairs(), again, strict=True):
        assert torch.equal(pair.small, other.small)


def test_patches_are_degraded_with_their_surroundings(workspace):
    """Blur and bicubic downscaling use pixels beyond the border of a patch, as in the image."""
    path = workspace / "recipe.toml"
    path.write_text(path.read_text() + "[degradation]\nblur = [1.0, 1.0]\n")
    train, _ = load_data(read_phase(path))
    stage = Stage(1, patch=12, batch=6)
    large = train.draw(stage, torch.Generator().manual_seed(3)).large
    small = train.draw(stage, torch.Generator().manual_seed(3)).small
    inner = shrink(blur(large, torch.full((6,), 2.0)), 2)
    torch.testing.assert_close(small[..., 6, 6], inner[..., 6, 6], atol=2e-3, rtol=0)
    assert not torch.allclose(small[..., 0, :], inner[..., 0, :], atol=2e-3)


@pytest.mark.parametrize(
    "wrong", ["blur = [2, 1]", "photons = [-1, 1]", "gain = [1]", "fog = [0, 1]"]
)
def test_wrong_limits_are_refused(workspace, wrong):
    path = workspace / "recipe.toml"
    path.write_text(f"{path.read_text()}\n[degradation]\n{wrong}\n")
    with pytest.raises(RecipeError, match=r"degradation|entries"):
        read_recipe(path)
