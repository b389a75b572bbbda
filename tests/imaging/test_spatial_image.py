"""An image and its place: the finer image lies where the coarse one lay, and units are converted."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.errors import InputError
from napari_sr.imaging import (
    Channel,
    SpatialImage,
    finer_coordinates,
    finer_grid,
    output_length,
    plane_distance,
    unit_ratio,
)


def image(shape=(4, 10, 12), axes="ZYX", scale=(1.5, 0.5, 0.5), **changes):
    return SpatialImage(np.zeros(shape, np.uint8), axes, scale, **changes)


def test_missing_scale_translation_and_units_are_filled():
    made = SpatialImage(np.zeros((4, 5)), "YX")
    assert made.scale == (1.0, 1.0)
    assert made.translation == (0.0, 0.0)
    assert made.units == ("pixel", "pixel")
    assert (made.shape, made.dtype, made.lazy, made.rgb) == ((4, 5), np.float64, False, False)
    assert SpatialImage(da.zeros((4, 5, 3)), "YXS").lazy
    assert SpatialImage(da.zeros((4, 5, 3)), "YXS").rgb


@pytest.mark.parametrize(
    ("axes", "changes", "message"),
    [
        ("YX", {}, "do not name the dimensions"),
        ("ZYY", {}, "do not name the dimensions"),
        ("YSX", {}, "must come last"),
        ("ZYX", {"scale": (1, 1)}, "scale has 2 values for the axes 'ZYX'"),
        ("ZYX", {"translation": (1,)}, "translation has 1 values"),
        ("ZYX", {"units": ("micrometer",) * 4}, "units has 4 values"),
    ],
)
def test_facts_that_do_not_fit_the_axes_are_refused(axes, changes, message):
    with pytest.raises(InputError, match=message):
        SpatialImage(np.zeros((3, 4, 5)), axes, **changes)


def test_values_are_found_by_letter():
    made = image(translation=(1, 2, 3), units=("nanometer", "micrometer", "micrometer"))
    assert made.size_along("Z") == 1.5
    assert made.position_along("X") == 3
    assert made.unit_along("Z") == "nanometer"


@pytest.mark.parametrize("linear", [None, "rotated"])
def test_blocks_of_finer_pixels_are_centered_on_their_coarse_pixel(linear):
    angle = np.deg2rad(30)
    rotation = np.eye(3)
    rotation[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    rotation = rotation if linear else None
    coarse = image(translation=(10, 20, 30), linear=rotation)
    fine = coarse.finer(np.zeros((12, 20, 24)), {"Z": 3, "Y": 2, "X": 2})

    def world(made, indices):
        placed = np.asarray(indices) * made.scale
        return (placed if rotation is None else placed @ rotation.T) + made.translation

    for pixel in ((0, 0, 0), (2, 3, 5)):
        block = [range(i * f, (i + 1) * f) for i, f in zip(pixel, (3, 2, 2), strict=True)]
        corners = np.stack(np.meshgrid(*block, indexing="ij"), axis=-1).reshape(-1, 3)
        np.testing.assert_allclose(world(fine, corners).mean(axis=0), world(coarse, pixel))


def test_finer_image_keeps_all_but_its_levels():
    coarse = image(
        channels=(Channel("DAPI", "#0000ff", (0, 100)),),
        levels=(np.zeros((4, 5, 6)),),
        name="cells",
        metadata={"format": "TIFF"},
    )
    fine = coarse.finer(np.zeros((4, 20, 24), np.float32), {"Y": 2, "X": 2}, name="fine")
    assert fine.scale == (1.5, 0.25, 0.25)
    assert (fine.levels, fine.channels, fine.metadata) == ((), coarse.channels, coarse.metadata)
    assert (fine.name, fine.dtype) == ("fine", np.float32)


def test_relabeled_axes_carry_their_facts():
    made = SpatialImage(
        np.zeros((3, 4, 5)),
        "CYX",
        (1, 0.5, 0.25),
        (0, 7, 8),
        ("pixel", "micrometer", "nanometer"),
        (Channel("a"), Channel("b"), Channel("c")),
    )
    assert made.relabeled(None) is made
    assert made.relabeled("cyx") is made
    other = made.relabeled("zxy")
    assert other.axes == "ZXY"
    assert other.scale == (1, 0.25, 0.5)
    assert other.translation == (0, 8, 7)
    assert other.units == ("pixel", "nanometer", "micrometer")
    assert other.channels == ()


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((1.5, 0.5, 0.5), ("micrometer",) * 3, 3.0),
        ((300, 0.2, 0.2), ("nanometer", "micrometer", "micrometer"), 1.5),
        ((300, 0.2, 200), ("nm", "um", "nm"), 1.5),
        ((0.3, 0.0002, 0.0002), ("µm", "mm", "mm"), 1.5),
        ((-1.5, 0.5, -0.5), ("micrometer",) * 3, 3.0),
        ((3, 1, 1), ("pixel",) * 3, 3.0),  # someone set it, though without a unit
        ((1, 1, 1), ("micrometer",) * 3, 1.0),
        ((1, 1, 1), ("pixel",) * 3, None),  # the default of all readers
        ((1.5, 0.5, 0.4), ("micrometer",) * 3, None),
        ((1.5, 0.5, 0.50001), ("micrometer",) * 3, 3.0),
        ((1.5, 0.5, 0.5), ("second", "micrometer", "micrometer"), None),
        ((1.5, 0.5, 0.5), ("pixel", "micrometer", "micrometer"), None),
        ((0, 0.5, 0.5), ("micrometer",) * 3, None),
    ],
)
def test_plane_distance_is_in_pixels_with_units_converted(scale, units, expected):
    found = plane_distance(image(scale=scale, units=units))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-4))


def test_plane_distance_needs_several_planes():
    assert plane_distance(image((10, 12), "YX", (0.5, 0.5))) is None
    assert plane_distance(image((1, 10, 12))) is None
    assert plane_distance(image((10, 4, 12), "YZX", (0.5, 1.5, 0.5))) == pytest.approx(3)


@pytest.mark.parametrize(
    ("unit", "to", "expected"),
    [
        ("millimeter", "micrometer", 1000.0),
        ("nm", "um", 1e-3),
        ("µm", "micrometer", 1.0),
        ("angstrom", "nanometer", 0.1),
        ("second", "millisecond", 1000.0),
        ("pixel", "pixel", 1.0),
        ("pixel", "micrometer", None),
        ("second", "micrometer", None),
        ("furlongs per", "micrometer", None),
        ("", "micrometer", None),
        ("bananas", "bananas", 1.0),
    ],
)
def test_unit_ratio(unit, to, expected):
    found = unit_ratio(unit, to)
    assert found == (None if expected is None else pytest.approx(expected))


@given(
    st.floats(1, 8),
    st.floats(0.01, 100),
    st.floats(-100, 100),
    st.integers(1, 50),
)
def test_finer_grid_and_finer_coordinates_agree(factor, size, position, index):
    """A point has the same place in the world by either index."""
    scale, translation = finer_grid([size], [position], [factor])
    fine = finer_coordinates([index], [factor])
    world = fine[0] * scale[0] + translation[0]
    assert world == pytest.approx(index * size + position, rel=1e-6, abs=1e-6)


@given(st.integers(1, 1000), st.floats(1, 8))
def test_output_length_is_rounded(size, factor):
    assert abs(output_length(size, factor) - size * factor) <= 0.5
    assert output_length(1, 0.01) == 1
