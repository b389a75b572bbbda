"""What noise allows: does the estimate find noise of known variance and nothing else, and is the bound one?"""

from __future__ import annotations

import numpy as np
import pytest
from microscopy_noise import finest_detail, psnr_limit
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_sr.evaluation import psnr
from napari_sr.imaging import resize_weights


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def scene():
    """A photograph as soft as microscopes see."""
    return gaussian_filter(data.camera().astype(float), 1.5)


@pytest.mark.parametrize("sigma", [0.5, 4, 30])
@pytest.mark.parametrize("side", [512, 72])
def test_white_noise_is_found_on_a_scene(scene, random, sigma, side):
    noisy = scene + sigma * random.standard_normal(scene.shape)
    variance, whiteness = finest_detail(noisy[:side, -side:])
    near = 0.04 if side == 512 else 0.2
    assert variance == pytest.approx(sigma**2, rel=near)
    assert whiteness == pytest.approx(1, abs=2 * near)


def test_on_a_sharp_scene_nearly_so(random):
    noisy = data.brick() + 5 * random.standard_normal((512, 512))
    assert finest_detail(noisy)[0] == pytest.approx(25, rel=0.1)


def test_noise_of_photons_is_found_though_it_grows_with_the_light(scene, random):
    photons = random.poisson(scene * 5) / 5
    variance, _ = finest_detail(photons)
    assert variance == pytest.approx(np.mean((photons - scene) ** 2), rel=0.04)


def test_where_the_finest_detail_is_no_white_noise_there_is_no_limit(scene, random):
    noise = 20 * random.standard_normal(scene.shape)
    assert psnr_limit(scene + noise, 2) is not None
    assert psnr_limit(scene + gaussian_filter(noise, 0.6), 2) is None
    assert psnr_limit(data.camera(), 2) is None
    assert psnr_limit(scene, 2) is None
    assert psnr_limit(np.full((64, 64), 7.0), 2) is None


def test_rounding_is_no_noise_to_who_knows_the_scene(scene, random):
    faint = scene + 0.1 * random.standard_normal(scene.shape)
    assert psnr_limit(np.rint(faint).astype(np.uint8), 2) is None
    noisy = scene + random.standard_normal(scene.shape)
    assert psnr_limit(np.rint(noisy).astype(np.uint8), 2) is not None


def shrunk_and_best_guess(image, scale):
    """What least squares make of what bicubic leaves: all that can be told of Gaussian white noise."""
    side = len(image)
    indices, weights = resize_weights(side, side // scale, 1 / scale)
    down = np.zeros((side // scale, side))
    np.add.at(down, (np.arange(side // scale)[:, None], indices), weights)
    up = np.linalg.pinv(down)
    return up @ (down @ image @ down.T) @ up.T


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("ramp", [False, True])
def test_who_knows_the_scene_reaches_the_limit_and_no_more(random, scale, ramp):
    scene = np.linspace(0, 40, 256)[:, None] * np.ones(256)
    spread = np.sqrt(scene) if ramp else 3
    noise = spread * random.standard_normal(scene.shape)
    image = scene + noise
    guess = scene + shrunk_and_best_guess(noise, scale)
    reached = psnr(guess, image, peak=float(np.ptp(image)))
    assert reached == pytest.approx(psnr_limit(image, scale), abs=0.15)
