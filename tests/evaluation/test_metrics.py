"""PSNR and SSIM, compared with their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import peak_signal_noise_ratio

from napari_sr.errors import InputError
from napari_sr.evaluation import evaluation_luma, psnr, shave, ssim


def reference_ssim(x, y, peak=255.0):
    """SSIM as the paper defines it, over all windows of 11 x 11 pixels with a Gaussian weight of 1.5 pixels."""
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(image):
        return np.einsum("yxij,ij->yx", sliding_window_view(image, (11, 11)), window)

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return (similarity / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean()


sides = st.integers(11, 40)


@given(st.integers(0, 2**32 - 1), sides, sides, st.sampled_from([1.0, 255.0, 4000.0]))
def test_metrics_equal_their_definitions(seed, height, width, peak):
    a, b = np.random.default_rng(seed).uniform(0, peak, (2, height, width))
    assert psnr(a, b, peak) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=peak))
    assert ssim(a, b, peak) == pytest.approx(reference_ssim(a, b, peak), abs=1e-9)


def test_equal_images_have_infinite_psnr_and_ssim_1():
    image = np.random.default_rng(0).uniform(0, 255, (20, 20))
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == pytest.approx(1)


def test_difference_of_one_gray_level_is_48_db():
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
