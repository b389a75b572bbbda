"""PSNR and SSIM, against scikit-image where it computes the same thing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_sr.errors import InputError
from napari_sr.evaluation import evaluation_luma, psnr, shave, ssim


@given(st.integers(0, 2**32 - 1), st.integers(11, 40), st.integers(11, 40))
def test_agree_with_scikit_image(seed, height, width):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0, 255, (2, height, width))
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255))
    reference = structural_similarity(
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )[1][5:-5, 5:-5].mean()
    assert ssim(a, b) == pytest.approx(reference, abs=1e-6)


def test_equal_images_are_perfect():
    image = np.random.default_rng(0).uniform(0, 255, (20, 20))
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == pytest.approx(1)


def test_one_grey_level_everywhere_is_48_db():
    image = np.full((16, 16), 100.0)
    assert psnr(image, image + 1) == pytest.approx(20 * math.log10(255))


def test_luma_is_not_rounded():
    image = np.array([[[1, 2, 3]]], np.uint8)
    expected = 16 + (65.481 * 1 + 128.553 * 2 + 24.966 * 3) / 255
    assert evaluation_luma(image)[0, 0] == pytest.approx(expected)


def test_shave_cuts_all_four_sides():
    assert shave(np.arange(25.0).reshape(5, 5), 2).tolist() == [[12.0]]


@pytest.mark.parametrize("call", [psnr, ssim])
def test_different_shapes_are_refused(call):
    with pytest.raises(InputError, match="shape"):
        call(np.zeros((12, 12)), np.zeros((12, 13)))


def test_too_small_images_are_refused():
    with pytest.raises(InputError, match="11"):
        ssim(np.zeros((10, 12)), np.zeros((10, 12)))
    with pytest.raises(InputError, match="too small"):
        shave(np.zeros((4, 9)), 2)
