"""``--isotropic`` and ``--uncertainty``: isotropic stacks, and a second file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_sr.inference as engine
from napari_sr.io import SpatialImage, read_image, write_image


@pytest.fixture
def confocal(tmp_path):
    """Planes 1.5 um apart, pixels of 0.5 um."""
    values = np.random.default_rng(0).integers(0, 4000, (5, 14, 16)).astype(np.uint16)
    image = SpatialImage(values, "ZYX", (1.5, 0.5, 0.5), (7.0, 0.0, 0.0), ("micrometer",) * 3)
    path = tmp_path / "stack.ome.tif"
    write_image(path, image)
    return path


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_stacks_become_isotropic_at_the_same_place(run, confocal, tmp_path, suffix):
    target = tmp_path / f"cubes{suffix}"
    result = run("upscale", confocal, "-o", target, "-s", 1, "-m", "bicubic", "--isotropic")
    assert result.exit_code == 0, result.stderr
    cubes = read_image(target)
    expected = engine.upscale(
        read_image(confocal).data, 1, "bicubic", isotropic=True, z_spacing=3.0
    )
    np.testing.assert_array_equal(np.asarray(cubes.data), expected)
    assert cubes.scale == pytest.approx((0.5, 0.5, 0.5))
    if suffix == ".ome.zarr":
        assert cubes.translation == pytest.approx((6.5, 0, 0))


def test_unknown_distances_of_planes_are_an_error(run, confocal, tmp_path):
    bare = tmp_path / "bare.tif"
    write_image(bare, replace(read_image(confocal), scale=(1.0,) * 3, units=("pixel",) * 3))
    result = run("upscale", bare, "-o", tmp_path / "x.tif", "-m", "bicubic", "--isotropic")
    assert result.exit_code == 1
    assert "the distance of planes is unknown" in result.stderr
    given = ("-m", "bicubic", "--isotropic", "--z-spacing", "2", "-s", "1")
    assert run("upscale", bare, "-o", tmp_path / "x.tif", *given).exit_code == 0
    assert read_image(tmp_path / "x.tif").shape == (10, 14, 16)


def test_flat_images_have_no_planes(run, picture, tmp_path):
    result = run("upscale", picture, "-o", tmp_path / "x.tif", "-m", "bicubic", "--isotropic")
    assert result.exit_code == 1
    assert "have no Z" in result.stderr


def test_the_uncertainty_is_a_second_file(run, picture, tmp_path):
    target = tmp_path / "x.png"
    result = run("upscale", picture, "-o", target, "-m", "ecbsr", "--uncertainty")
    assert result.exit_code == 0, result.stderr
    mean, deviation = engine.upscale(read_image(picture).data, 2, "ecbsr", uncertainty=True)
    np.testing.assert_array_equal(read_image(target).data, mean)
    found = read_image(tmp_path / "x-uncertainty.tif")
    assert found.data.dtype == np.float32
    np.testing.assert_allclose(found.data, deviation, atol=1e-4)
