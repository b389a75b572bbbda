"""Bicubic resizing equals that of MATLAB bit for bit, as all published scores need it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sr.errors import InputError
from napari_sr.imaging import imresize, imresize_uint8, resize_weights

NAMES = ("baby", "bird", "butterfly", "head", "woman")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", NAMES)
def test_8_bit_reduction_equals_that_of_matlab(shared, name, scale):
    """The reference files were written by MATLAB; every value must be equal."""
    folder = shared / "data/benchmarks/Set5"
    original = cv2.imread(str(folder / f"HR/{name}.png"))
    height, width = (n // scale * scale for n in original.shape[:2])
    expected = cv2.imread(str(folder / f"LR_bicubic/X{scale}/{name}x{scale}.png"))
    np.testing.assert_array_equal(imresize_uint8(original[:height, :width], 1 / scale), expected)


@given(
    n=st.integers(1, 40),
    scale=st.floats(0.11, 9, allow_nan=False),
    value=st.floats(-1e6, 1e6, allow_nan=False),
)
def test_constant_stays_constant(n, scale, value):
    out = imresize(np.full((n, 3), value), scale)
    np.testing.assert_allclose(out, value, rtol=1e-12, atol=1e-300)


@given(n=st.integers(8, 60), scale=st.sampled_from([2, 3, 4, 2.5, 1.3]))
def test_ramp_stays_a_ramp_and_pixel_centers_stay_in_place(n, scale):
    """Cubic convolution reproduces straight lines; a shift by half a pixel would show."""
    out = imresize(np.arange(n, dtype=float)[:, None], scale, axes=(0,))[:, 0]
    expected = (np.arange(len(out)) + 0.5) / scale - 0.5
    inner = (expected > 3) & (expected < n - 4)
    np.testing.assert_allclose(out[inner], expected[inner], atol=1e-9)


@given(
    image=hnp.arrays(np.float64, (9, 7), elements=st.floats(-100, 100)),
    scale=st.sampled_from([0.5, 1 / 3, 2, 3.7]),
)
def test_mirroring_the_image_mirrors_the_result(image, scale):
    shape = [round(scale * n) for n in image.shape]
    forward = imresize(image, shape=shape)
    backward = imresize(image[::-1, ::-1], shape=shape)[::-1, ::-1]
    np.testing.assert_allclose(forward, backward, atol=1e-9)


def test_weights_sum_to_one_and_indices_are_valid():
    indices, weights = resize_weights(5, 13, 13 / 5)
    assert indices.min() >= 0
    assert indices.max() < 5
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_any_axes_are_resized_in_place():
    image = np.random.default_rng(0).random((3, 6, 2, 8))
    stacked = imresize(image, 2, axes=(1, 3))
    assert stacked.shape == (3, 12, 2, 16)
    np.testing.assert_allclose(stacked[1, :, 1], imresize(image[1, :, 1], 2), atol=1e-12)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_impossible_factor_is_refused(scale):
    with pytest.raises((InputError, ValueError, OverflowError)):
        imresize(np.zeros((4, 4)), scale)
