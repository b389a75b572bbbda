"""A pixel of a coarser level is the mean of four, for every type and at every border."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce

from napari_sr.io.zarr._pyramid import downsample2

from .conftest import random_image

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))
INTEGERS = st.sampled_from([np.uint8, np.int8, np.uint16, np.int32, np.uint64, np.int64])


@given(shape=SIZES, dtype=INTEGERS)
def test_integers_are_rounded_means(shape, dtype):
    block = random_image(shape, dtype)
    even = block[:, : shape[1] // 2 * 2, : shape[2] // 2 * 2]
    ours = downsample2(block)
    assert ours.dtype == dtype
    assert ours.shape == (shape[0], -(-shape[1] // 2), -(-shape[2] // 2))
    exact = block_reduce(even.astype(object), (1, 2, 2), np.sum)
    whole = ours[:, : exact.shape[1], : exact.shape[2]].astype(object)
    assert (abs(4 * whole - exact) <= 2).all()


@given(shape=SIZES)
def test_an_unpaired_last_row_is_averaged_with_itself(shape):
    block = random_image(shape, np.int16)
    ours = downsample2(np.repeat(block[:, -1:], 1, axis=1))
    both = downsample2(np.repeat(block[:, -1:], 2, axis=1))
    np.testing.assert_array_equal(ours, both)


def test_nan_does_not_spread_and_infinity_stays():
    block = np.array([[1, np.nan, np.nan, np.nan], [3, 5, np.nan, np.nan], [np.inf, 1, 2, 4]])
    expected = [[3, np.nan], [np.inf, 3]]
    np.testing.assert_array_equal(downsample2(block.astype(np.float32)), np.float32(expected))


def test_a_mask_pixel_is_true_where_half_of_its_four_are():
    block = np.array([[1, 0, 1, 0], [0, 0, 0, 1]], bool)
    np.testing.assert_array_equal(downsample2(block), [[False, True]])
