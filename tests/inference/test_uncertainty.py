"""The standard deviation over the self-ensemble: how much the output depends on the image's orientation."""

import dask.array as da
import numpy as np
import pytest

from napari_sr.errors import InputError
from napari_sr.inference import execute, plan, upscale

from .conftest import collect

OPTIONS = {"intensity_range": (0, 1)}


def symmetries(image, scale, model):
    """Each of the eight outputs, transformed back."""
    for number in range(4):
        for mirror in (False, True):
            transformed = np.rot90(image.swapaxes(0, 1) if mirror else image, number)
            factor = scale if np.ndim(scale) == 0 or (number + mirror) % 2 == 0 else scale[::-1]
            back = np.rot90(upscale(transformed, factor, model, **OPTIONS), -number)
            yield back.swapaxes(0, 1) if mirror else back


@pytest.mark.parametrize(("scale", "samples"), [(2, 1), (2.5, 1), (2, 3), (4.5, 1)])
def test_mean_and_deviation_are_those_of_the_eight_outputs(grey, luma, scale, samples):
    model = luma if samples == 3 else grey
    image = np.random.default_rng(0).random(
        (14, 18, 3)
    )  # where a rotated output has the same pixels
    image = image if samples == 3 else image[..., 0]
    outputs = list(symmetries(image, scale, model))
    mean, deviation = upscale(image, scale, model, uncertainty=True, **OPTIONS)
    np.testing.assert_allclose(mean, np.mean(outputs, axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation, np.std(outputs, axis=0), atol=1e-5)
    assert deviation.max() > 1e-3


def test_deviation_does_not_depend_on_tiles(grey):
    image = np.random.default_rng(0).random((40, 37))
    whole = upscale(image, 2, grey, uncertainty=True, tile=None)
    tiled = upscale(image, 2, grey, uncertainty=True, tile=11)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_first_image_is_that_of_the_ensemble(grey):
    image = np.random.default_rng(0).integers(0, 4000, (3, 20, 22)).astype(np.uint16)
    mean, deviation = upscale(image, 2, grey, uncertainty=True)
    assert mean.dtype == image.dtype
    assert deviation.dtype == np.float32
    assert deviation.shape == mean.shape
    difference = mean.astype(int) - upscale(image, 2, grey, ensemble=True)
    assert np.abs(difference).max() <= 1


def test_deviation_is_nan_where_the_image_is_not_finite(grey):
    image = np.random.default_rng(0).random((12, 12)).astype(np.float32)
    image[5, 6] = np.inf
    mean, deviation = upscale(image, 2, grey, uncertainty=True)
    assert np.isinf(mean[10:12, 12:14]).all()
    assert np.isnan(deviation[10:12, 12:14]).all()
    assert np.isfinite(deviation).sum() == deviation.size - 4


def test_deviation_is_zero_where_nothing_is_enlarged(grey):
    same, deviation = upscale(np.ones((4, 5)), 1, grey, uncertainty=True)
    assert same.shape == deviation.shape == (4, 5)
    assert not deviation.any()


def test_plan_states_ensemble_and_uncertainty(grey):
    made = plan(np.zeros((30, 30)), 2, grey, uncertainty=True)
    assert made.uncertainty
    assert made.ensemble
    result, steps = collect(execute(made, np.zeros((30, 30))))
    assert result.deviation.shape == (60, 60)
    assert steps[-1].done == made.n_tiles


def test_lazy_image_is_refused(grey):
    with pytest.raises(InputError, match="in memory"):
        upscale(da.zeros((8, 8)), 2, grey, uncertainty=True)
