"""Upscaled layers lie where their source lies and look as it looks."""

from __future__ import annotations

import napari.layers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.errors import InputError
from napari_sr.layers._axes import layer_axes
from napari_sr.layers._geometry import finer_coordinates, finer_grid, finer_plane
from napari_sr.layers._snapshot import snapshot

pytestmark = pytest.mark.filterwarnings(
    # napari's remark about drawing rotations out of the plane; nothing is drawn here
    "ignore:Non-orthogonal slicing is being requested:UserWarning"
)

numbers = st.floats(-5, 5).map(lambda number: round(number, 3))
pixel_sizes = st.floats(0.05, 20).map(lambda number: round(number, 3))


@st.composite
def placements(draw, ndim):
    """A place in the world, as `napari.layers.Image` takes it."""
    vector = st.lists(numbers, min_size=ndim, max_size=ndim)
    shears = ndim * (ndim - 1) // 2
    placement = {
        "scale": draw(st.lists(pixel_sizes, min_size=ndim, max_size=ndim)),
        "translate": draw(vector),
        "shear": draw(st.lists(numbers, min_size=shears, max_size=shears)),
        "affine": np.eye(ndim + 1),
    }
    angle = st.floats(-180, 180)
    placement["rotate"] = draw(angle) if ndim == 2 else draw(st.tuples(angle, angle, angle))
    placement["affine"][:ndim] += draw(
        st.lists(vector, min_size=ndim + 1, max_size=ndim + 1).map(np.transpose)
    )
    return placement


@st.composite
def placed_layers(draw):
    """An empty image layer of two to four dimensions somewhere in the world."""
    ndim = draw(st.integers(2, 4))
    placement = draw(placements(min(ndim, 3)))
    if ndim == 4:  # napari has no shorthand for a rotation in four dimensions
        placement = {key: placement[key] for key in ("scale", "translate")}
    return napari.layers.Image(np.zeros((2,) * (ndim - 2) + (3, 4), np.float32), **placement)


def world(layer, points):
    """World coordinates of fractional indices, by napari itself."""
    return np.array([layer.data_to_world(point) for point in points])


@settings(max_examples=60, deadline=None)
@given(layer=placed_layers(), scale=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_every_block_of_output_pixels_lies_around_its_source_pixel(layer, scale):
    """The mean world position of each block is that of the pixel it came from."""
    source = snapshot(layer)
    factors = np.array(source.factors(scale), int)
    upscaled = source.layer(
        np.zeros(layer.data.shape * factors, np.float32), scale, suffix="", record={}
    )
    for pixel in np.ndindex(layer.data.shape):
        block = np.array(list(np.ndindex(*factors))) + np.array(pixel) * factors
        expected = np.array(layer.data_to_world(pixel))
        tolerance = 1e-12 * (1 + np.abs(world(layer, [pixel, layer.data.shape])).max())
        np.testing.assert_allclose(world(upscaled, block).mean(0), expected, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(layer=placed_layers(), scale=st.tuples(st.floats(1, 9), st.floats(1, 9)), data=st.data())
def test_any_point_keeps_its_place_at_any_scale(layer, scale, data):
    """Fractional factors as well: a point of the image is at the same place in the world, edges included."""
    source = snapshot(layer)
    factors = source.factors(scale)
    shape = np.round(np.array(layer.data.shape) * factors).astype(int)
    upscaled = source.layer(np.zeros(shape, np.float32), scale, suffix="", record={})
    point = np.array([data.draw(st.floats(-0.5, size - 0.5)) for size in layer.data.shape])
    expected = np.array(layer.data_to_world(point))
    found = upscaled.data_to_world(finer_coordinates(point, factors))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * (1 + np.abs(expected).max()))


def test_the_grid_moves_by_half_a_pixel_of_each_grid():
    """The textbook case, by hand: pixels of 4 µm cut in two start 1 µm before the old first centre."""
    scale, translate = finer_grid(np.diag([4.0, 4.0]), [4, 4], [10, 10], [2, 1])
    np.testing.assert_allclose(scale, [2, 4])
    np.testing.assert_allclose(translate, [9, 10])


@given(
    position=st.tuples(numbers, numbers, numbers),
    normal=st.tuples(numbers, numbers, numbers).filter(any),
    factors=st.tuples(*[st.floats(1, 4)] * 3),
    point=st.tuples(numbers, numbers, numbers),
)
def test_a_clipping_plane_still_separates_the_same_points(position, normal, factors, point):
    """A point's side of the plane does not depend on the grid in which both are given."""
    plane = finer_plane({"position": position, "normal": normal, "enabled": True}, factors)
    before = np.dot(np.subtract(point, position), normal) / np.linalg.norm(normal)
    after = np.dot(finer_coordinates(point, factors) - plane["position"], plane["normal"])
    assert plane["enabled"]
    assert np.isclose(before, 0, atol=1e-9) or np.sign(before) == np.sign(after)
