"""A plan states what will run: shapes, windows, memory, and one line for people."""

import dataclasses
import math

import dask.array as da
import numpy as np

import napari_sr
from napari_sr.inference import IsotropicPlan, Plan, plan

IMAGE = np.zeros((512, 512), np.uint8)


def test_plan_prints_as_one_line(grey):
    made = plan(IMAGE, 2, grey, tile=256, measure=False)
    line = dataclasses.replace(made, batch=4, seconds=0.12, memory=3_300_000_000)
    assert str(line) == (
        "double x2, 512 x 512 -> 1024 x 1024 uint8 (1.0 MiB), tile 256 + halo 4, batch 4, 4 tiles, "
        "about 3.1 GiB, about 0.1 s on cpu (float32)"
    )
    assert "unchanged" in str(plan(IMAGE, 1, grey))
    assert "x1.5x2" in str(plan(IMAGE, (1.5, 2), grey, measure=False))


def test_isotropic_plan_prints_its_z_scale(grey):
    made = plan(np.zeros((5, 12, 14)), 2, grey, isotropic=True, z_spacing=3, tile=6, measure=False)
    assert isinstance(made, IsotropicPlan)
    text = str(made)
    assert text.startswith("double x2, 5 x 12 x 14 -> 30 x 24 x 28 float64 (157.5 KiB), Z x6 from")
    assert f"tile 6 + halo 4, batch {made.base.batch}, {made.n_tiles} tiles" in text


def test_shape_and_dtype_are_enough(grey):
    of_shape = plan((3, 40, 50), 2.5, grey, dtype="uint16", measure=False)
    assert of_shape == plan(np.zeros((3, 40, 50), np.uint16), 2.5, grey, measure=False)
    assert of_shape.out_shape == (3, 100, 125)
    assert of_shape.bytes_out == 3 * 100 * 125 * 2


def test_two_tiles_per_axis_have_one_halo_each(grey):
    made = plan((512, 512), 2, grey, dtype="uint8", tile=256, measure=False)
    assert dataclasses.replace(made, halo=65).window == (256 + 65, 256 + 65)


def test_held_bytes_count_image_and_deviation(grey):
    for dtype, deviation in (("uint8", 4), ("uint16", 4), ("float64", 8)):
        made = plan((40, 50), 2, grey, dtype=dtype, uncertainty=True, measure=False)
        assert made.bytes_held == 80 * 100 * (np.dtype(dtype).itemsize + deviation)
        assert plan((40, 50), 2, grey, dtype=dtype, measure=False).bytes_held == made.bytes_out


def test_isotropic_plan_counts_two_volumes_beside_its_planes(grey):
    made = plan((8, 40, 50), 2, grey, dtype="uint8", isotropic=True, z_spacing=3, measure=False)
    voxels = math.prod(made.out_shape)
    assert made.out_shape == (48, 80, 100)
    assert made.bytes_out == voxels
    assert made.bytes_held == 4 * (2 * voxels + 8 * 80 * 100)


def test_lazy_array_is_planned_without_reading_it(grey):
    def fail(block):
        raise AssertionError("a block was computed")

    image = da.zeros((40, 50), chunks=20).map_blocks(fail, meta=np.empty((0, 0)))
    assert plan(image, 2, grey, measure=False).out_shape == (80, 100)


def test_package_offers_plan_and_plan_class():
    assert napari_sr.plan is plan
    assert napari_sr.Plan is Plan
    made = napari_sr.plan(np.zeros((24, 30)), model="bicubic")
    assert made.out_shape == (48, 60)
    assert isinstance(made, napari_sr.Plan)
