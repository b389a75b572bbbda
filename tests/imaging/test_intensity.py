"""Intensities are mapped to [0, 1] and back without loss; the part outside the range is kept apart."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_sr.errors import InputError
from napari_sr.imaging import check_dtype, from_unit, robust_range, to_dtype, to_unit

finite = st.floats(-1e6, 1e6, width=32)
sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))
images = arrays.arrays(np.float64, sizes, elements=finite)
counts = arrays.arrays(np.int32, sizes, elements=st.integers(-1000, 1000))


def natural(seed=0, shape=(60, 70)):
    return np.random.default_rng(seed).gamma(4.0, 20.0, shape)


def test_range_of_an_image_without_outliers_is_its_minimum_and_maximum():
    image = np.random.default_rng(0).uniform(100, 200, (50, 50))
    assert robust_range([image]) == (image.min(), image.max())


def test_hot_pixel_does_not_change_the_range():
    image = natural()
    expected = robust_range([image])
    image[10, 20] = 100 * image.max()
    hot = robust_range([image])
    assert hot[1] < image.max() / 50
    np.testing.assert_allclose(hot, expected, rtol=0.15)


@given(counts, st.sampled_from([2.0**-8, 0.5, 4.0, 1024.0]), st.sampled_from([-3.0, 0.0, 7.5]))
def test_range_of_a_linear_map_is_the_mapped_range(image, k, c):
    low, high = robust_range([image])
    assert robust_range([k * image + c]) == (k * low + c, k * high + c)


@given(images)
def test_ends_of_the_range_are_values_of_the_image(image):
    assert np.isin(robust_range([image]), image).all()


def test_range_does_not_depend_on_how_a_stack_is_divided():
    frames = [natural(seed) for seed in range(3)]
    assert robust_range(frames) == robust_range([np.stack(frames)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_do_not_change_the_range(bad):
    image = natural()
    expected = robust_range([image[1:]])
    image[0] = bad
    assert robust_range([image]) == expected


def test_range_of_an_image_of_nan_is_zero():
    assert robust_range([np.full((4, 4), np.nan)]) == (0.0, 0.0)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "uint16", "int64", "float16", "float64"]
)
def test_every_dtype_has_a_range(dtype):
    image = np.tile(np.array([0, 1], dtype), (30, 30))
    assert robust_range([image]) == (0.0, 1.0)


@given(images, finite, st.floats(2.0**-10, 1e6, width=32))
def test_inverse_map_plus_residual_is_the_image(image, low, span):
    unit, residual = to_unit(image, low, low + span)
    assert unit.min() >= 0
    assert unit.max() <= 1
    inside = (image >= low) & (image <= low + span)
    assert not residual[inside].any()
    np.testing.assert_allclose(from_unit(unit, low, low + span) + residual, image, atol=1e-6)


@given(images, finite)
def test_empty_range_maps_to_its_value(image, low):
    unit, _ = to_unit(image, low, low)
    assert not unit.any()
    assert (from_unit(unit, low, low) == low).all()


@given(images)
def test_torch_and_numpy_give_the_same_values(image):
    low, high = (np.full((1, 1), end) for end in (-3.0, 5.0))
    ours = to_unit(torch.from_numpy(image), torch.from_numpy(low), torch.from_numpy(high))
    for theirs, mine in zip(to_unit(image, low, high), ours, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_integers_are_rounded_and_clipped(dtype, kind):
    limits = np.iinfo(dtype)
    values = np.array([-1e30, -0.6, 0.4, 1.5, 2.5, 100.7, 1e30], kind)
    out = to_dtype(values.copy(), dtype)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out[2:6], [0, 2, 2, 101])
    assert out[0] == limits.min
    assert limits.max * 0.999 < out[-1] <= limits.max
    assert out[1] == max(-1, limits.min)


def test_narrow_floats_are_clipped_but_keep_nan_and_infinity():
    out = to_dtype(np.array([1e6, -1e6, np.nan, np.inf]), "float16")
    np.testing.assert_array_equal(out, np.array([65504, -65504, np.nan, np.inf], "float16"))


def test_bool_is_the_nearer_value():
    np.testing.assert_array_equal(to_dtype(np.array([-0.2, 0.4, 0.6, 1.3]), bool), [0, 0, 1, 1])


@pytest.mark.parametrize("dtype", ["complex64", object, "U3", "datetime64[s]", [("a", "u1")]])
def test_dtype_that_holds_no_intensities_is_refused(dtype):
    with pytest.raises(InputError, match="cannot be upscaled"):
        check_dtype(dtype)
