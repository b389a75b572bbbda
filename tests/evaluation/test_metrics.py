"""PSNR and SSIM against scikit-image, and by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr.errors import InputError
from napari_sr.evaluation import evaluation_luma, psnr, score, shave, ssim


def noisy_pair(seed: int, shape: tuple[int, int] = (40, 53)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 255, shape)
    return first, np.clip(first + rng.normal(0, 12, shape), 0, 255)


@given(seed=st.integers(0, 2**32 - 1))
def test_psnr_is_scikit_images(seed):
    first, second = noisy_pair(seed)
    expected = peak_signal_noise_ratio(first, second, data_range=255)
    assert psnr(first, second) == pytest.approx(expected, abs=1e-10)


@given(seed=st.integers(0, 2**32 - 1))
def test_ssim_is_scikit_images_inside_the_window(seed):
    """Scikit-image blurs mirrored borders and then crops 5 pixels, which is the valid region."""
    first, second = noisy_pair(seed)
    expected = structural_similarity(
        first, second, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(first, second) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_a_known_error():
    """One grey level off everywhere is 20 log10(255)."""
    image = np.full((8, 8), 100.0)
    assert psnr(image, image + 1) == pytest.approx(20 * math.log10(255))


def test_equal_images_are_perfect():
    image, _ = noisy_pair(0)
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == pytest.approx(1)


def test_metrics_refuse_different_shapes():
    with pytest.raises(InputError, match="differ in shape"):
        psnr(np.zeros((4, 4)), np.zeros((4, 5)))


def test_ssim_refuses_what_its_window_does_not_fit():
    with pytest.raises(InputError, match="11 pixels"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)))


def test_luma_has_studio_swing_and_is_not_rounded():
    corners = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [1, 0, 0]]], np.uint8)
    expected = [16, 235, 16 + 65.481, 16 + 65.481 / 255]
    np.testing.assert_allclose(evaluation_luma(corners)[0], expected, atol=1e-10)


def test_luma_of_grey_is_itself():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(evaluation_luma(grey), grey)


def test_shave_leaves_the_inside():
    image = np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(shave(image, 2), [[14, 15]])
    np.testing.assert_array_equal(shave(image, 0), image)
    with pytest.raises(InputError, match="too small"):
        shave(image, 3)


def test_the_border_does_not_count():
    """A score sees nothing of what lies within its border."""
    rng = np.random.default_rng(1)
    original = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    larger = original.copy()
    larger[:4], larger[:, -4:] = 0, 255
    assert score("x", original, larger, border=4).psnr == math.inf
    assert score("x", original, larger, border=3).psnr < 60
