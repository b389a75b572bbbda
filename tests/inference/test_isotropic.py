"""A stack whose planes are several pixels apart becomes a stack of cubic voxels."""

import dask.array as da
import numpy as np
import pytest

from napari_sr.errors import InputError
from napari_sr.imaging import imresize
from napari_sr.inference import IsotropicPlan, Plan, execute, plan, upscale

from .conftest import Exploding, Plain, collect, make_model


def beads(shape, step, seed=0):
    """Smooth spots in a stack whose planes are so many pixels apart."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape, dtype=float)
    z *= step
    volume = np.zeros(shape)
    for _ in range(12):
        at = rng.uniform(0, 1, 3) * (shape[0] * step, *shape[1:])
        width = rng.uniform(2.5, 5) * max(1, step / 2)
        volume += np.exp(-((z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2) / (2 * width**2))
    return volume


def test_confocal_stack_becomes_isotropic(grey):
    stack = (beads((60, 256, 256), 3.5) * 20_000).clip(0, 65535).astype(np.uint16)[:, :64, :64]
    result = upscale(stack, 1, grey, isotropic=True, z_spacing=3.5)
    assert result.shape == (210, 64, 64)
    assert result.dtype == stack.dtype


def test_result_is_the_mean_over_both_directions_of_slices(grey):
    stack = beads((9, 20, 23), 2.0)
    options = {"model": grey, "intensity_range": (0, 1)}
    result = upscale(stack, 1, isotropic=True, z_spacing=2.0, **options)
    xz = upscale(stack.transpose(1, 0, 2), (2, 1), **options).transpose(1, 0, 2)
    yz = upscale(stack.transpose(2, 0, 1), (2, 1), **options).transpose(1, 2, 0)
    np.testing.assert_allclose(result, (xz + yz) / 2, atol=1e-6)
    turned = upscale(stack.transpose(0, 2, 1), 1, isotropic=True, z_spacing=2.0, **options)
    np.testing.assert_allclose(turned, result.transpose(0, 2, 1), atol=1e-6)


def test_bicubic_slices_are_bicubic_along_z():
    stack = beads((12, 16, 17), 2.5)
    expected = imresize(stack, 2.5, axes=(0,))
    result = upscale(stack, 1, "bicubic", isotropic=True, z_spacing=2.5)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_blocks_along_z_average_to_the_plane_they_came_from():
    """Fine planes lie where their coarse plane lay: there is no shift along Z."""
    stack = beads((14, 24, 24), 4.0)
    result = upscale(stack, 1, "ecbsr", isotropic=True, z_spacing=4.0)
    means = result.reshape(14, 4, 24, 24).mean(axis=1)
    shifted = np.abs(means[1:-2] - stack[2:-1]).mean()
    assert np.abs(means - stack)[1:-1].mean() < shifted / 3
    center = np.arange(56) @ result.sum(axis=(1, 2)) / result.sum()
    assert (center + 0.5) / 4 - 0.5 == pytest.approx(
        np.arange(14) @ stack.sum(axis=(1, 2)) / stack.sum(), abs=0.05
    )


def test_z_is_enlarged_to_the_pixel_size_of_the_enlarged_planes(grey):
    stack = beads((5, 12, 14), 3.0)
    made = plan(stack, 2, grey, isotropic=True, z_spacing=3.0)
    assert made.out_shape == (30, 24, 28)
    assert made.z_scale == 6.0
    result, steps = collect(execute(made, stack))
    assert result.image.shape == made.out_shape
    assert steps[-1].done == steps[-1].total == made.n_tiles
    assert [s.done for s in steps] == sorted(s.done for s in steps)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, bool])
def test_dtype_and_constant_values_are_kept(grey, dtype):
    stack = np.ones((4, 6, 7), dtype)
    result = upscale(stack, 1, grey, isotropic=True, z_spacing=2.0)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, np.ones((8, 6, 7), dtype))


def test_channels_and_times_are_independent(grey):
    stack = np.stack([beads((5, 9, 9), 2.0, seed) * 10**seed for seed in range(3)], axis=1)
    result = upscale(stack[None], 1, grey, axes="TZCYX", isotropic=True, z_spacing=2.0)
    assert result.shape == (1, 10, 3, 9, 9)
    for channel in range(3):
        alone = upscale(stack[:, channel], 1, grey, isotropic=True, z_spacing=2.0)
        np.testing.assert_allclose(result[0, :, channel], alone, rtol=1e-5, atol=1e-5)


def test_colors_keep_their_range():
    model = make_model({2: Plain(2, channels=3, gain=0.0)}, color="RGB")
    stack = np.full((4, 6, 6, 3), (10, 128, 200), np.uint8)
    stack[2:] += 20
    result = upscale(stack, 1, model, axes="ZYXS", isotropic=True, z_spacing=2.0)
    assert result.shape == (8, 6, 6, 3)
    assert np.ptp(result[:2].astype(int), axis=(0, 1, 2)).max() <= 2


def test_isotropic_stack_is_not_changed(grey):
    stack = beads((4, 8, 8), 1.0)
    np.testing.assert_array_equal(upscale(stack, 1, grey, isotropic=True, z_spacing=1.0), stack)


def test_plan_has_three_parts(grey):
    made = plan(np.zeros((5, 12, 14)), 2, grey, isotropic=True, z_spacing=3.0)
    assert isinstance(made, IsotropicPlan)
    assert [part.out_shape for part in made.parts] == [(5, 24, 28), (30, 24, 28), (30, 24, 28)]
    assert [part.axes.letters for part in made.parts] == ["ZYX", "YZX", "YXZ"]
    assert isinstance(plan(np.zeros((5, 12, 14)), 2, grey, isotropic=True, z_spacing=0.5), Plan)


def test_report_adds_up_the_parts():
    stack = np.random.default_rng(0).uniform(0.2, 0.7, (6, 20, 22))
    stack[3, 10, 11] = 1
    model = make_model({2: Exploding()})
    options = {"intensity_range": (0, 1), "isotropic": True, "z_spacing": 2.0}
    result, _ = collect(execute(plan(stack, 1, model, **options), stack))
    record = result.report.record("stack")
    assert record["replaced"]["pixels"] == 2 * 9  # once in XZ and once in YZ slices
    assert record["z_scale"] == 2
    assert record["scale"] == [1, 1]
    assert record["seconds"] > 0


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((8, 8)), {}, "no Z"),
        (np.zeros((3, 8, 8)), {"z_spacing": 0.5}, "closer"),
        (np.zeros((3, 8, 8)), {"z_spacing": float("nan")}, "distance of two planes"),
        (np.zeros((3, 8, 8)), {"z_spacing": -1}, "distance of two planes"),
        (np.zeros((3, 8, 8)), {"z_spacing": "wide"}, "distance of two planes"),
        (np.zeros((3, 8, 8)), {"z_spacing": None}, "pass z_spacing"),
        (np.zeros((3, 8, 8)), {"scale": (1, 2)}, "one scale"),
        (np.zeros((3, 8, 8)), {"uncertainty": True}, "choose one"),
        (da.zeros((3, 8, 8), chunks=8), {}, "in memory"),
    ],
)
def test_impossible_requests_are_refused_with_a_reason(grey, image, options, message):
    asked = {"scale": 1, "model": grey, "isotropic": True, "z_spacing": 2.0, **options}
    with pytest.raises(InputError, match=message):
        upscale(image, **asked)
