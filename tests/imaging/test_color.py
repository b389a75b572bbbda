"""BT.601 conversion, compared with scikit-image and with its own inverse."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import rgb2ycbcr

from napari_sr.imaging import bt601_luma, rgb_to_ycbcr, ycbcr_to_rgb

colors = hnp.arrays(np.float64, (5, 3), elements=st.floats(0, 1))


@given(colors)
def test_equals_scikit_image(rgb):
    np.testing.assert_allclose(255 * rgb_to_ycbcr(rgb), rgb2ycbcr(rgb), atol=1e-3)


@given(colors)
def test_inverse_restores_rgb(rgb):
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(rgb)), rgb, atol=1e-12)


@given(colors)
def test_luma_is_the_first_component(rgb):
    np.testing.assert_allclose(bt601_luma(rgb), rgb_to_ycbcr(rgb)[:, 0], atol=1e-12)


def test_black_and_white_have_studio_swing():
    np.testing.assert_allclose(255 * bt601_luma(np.array([[0.0] * 3, [1.0] * 3])), [16, 235])


def test_float32_stays_float32():
    assert ycbcr_to_rgb(rgb_to_ycbcr(np.zeros((2, 3), np.float32))).dtype == np.float32
