"""Upscaled layers lie where their source lies, and look like it."""

from __future__ import annotations

import json

import napari.layers
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import napari_sr
from napari_sr import upscale
from napari_sr.errors import InputError
from napari_sr.imaging import axes_from_labels, finer_coordinates, finer_grid, parse_axes
from napari_sr.inference import UpscaleOptions
from napari_sr.layers import plan_snapshot, snapshot, upscale_layer, upscale_layer_steps
from napari_sr.layers._snapshot import _finer_plane

pytestmark = pytest.mark.filterwarnings(
    # napari warns of drawing rotations out of the plane; nothing is drawn here
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
    # The transform of a layer that is squeezed into a plane cannot be inverted.
    assume(abs(np.linalg.det(placement["affine"])) > 1e-3)
    return placement


@st.composite
def placed_layers(draw):
    """An empty image layer of two to four dimensions somewhere in the world."""
    ndim = draw(st.integers(2, 4))
    placement = draw(placements(min(ndim, 3)))
    if ndim == 4:  # napari has no shorthand for a rotation in four dimensions
        placement = {key: placement[key] for key in ("scale", "translate")}
    return napari.layers.Image(np.zeros((2,) * (ndim - 2) + (3, 4), np.float32), **placement)


def pixels(*shape):
    """Noise of 8 bits."""
    return np.random.default_rng(len(shape)).integers(0, 255, shape).astype(np.uint8)


def image_layer(shape, **options):
    """An image layer of noise."""
    return napari.layers.Image(pixels(*shape), **options)


def enlarged(layer, scale):
    """The layer that an upscaled, empty image makes."""
    source, factors = snapshot(layer), dict(zip("YX", scale, strict=True))
    data = np.zeros(source.out_shape(factors), np.float32)
    return source.layer(source.image.finer(data, factors), factors, suffix="", record={})


def world(layer, points):
    """World coordinates of fractional indices, by napari itself."""
    return np.array([layer.data_to_world(point) for point in points])


@settings(max_examples=60, deadline=None)
@given(layer=placed_layers(), scale=st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_every_block_of_output_pixels_lies_around_its_source_pixel(layer, scale):
    """The mean world position of each block is that of the pixel it came from."""
    factors = np.array([1] * (layer.ndim - 2) + list(scale))
    upscaled = enlarged(layer, scale)
    assert upscaled.data.shape == tuple(layer.data.shape * factors)
    for pixel in np.ndindex(layer.data.shape):
        block = np.array(list(np.ndindex(*factors))) + np.array(pixel) * factors
        expected = np.array(layer.data_to_world(pixel))
        tolerance = 1e-12 * (1 + np.abs(world(layer, [pixel, layer.data.shape])).max())
        np.testing.assert_allclose(world(upscaled, block).mean(0), expected, rtol=0, atol=tolerance)


@settings(max_examples=60, deadline=None)
@given(layer=placed_layers(), scale=st.tuples(st.floats(1, 9), st.floats(1, 9)), data=st.data())
def test_any_point_keeps_its_place_at_any_scale(layer, scale, data):
    """Fractional factors as well: a point of the image is at the same place in the world, edges included."""
    factors = (1.0,) * (layer.ndim - 2) + scale
    upscaled = enlarged(layer, scale)
    point = np.array([data.draw(st.floats(-0.5, size - 0.5)) for size in layer.data.shape])
    expected = np.array(layer.data_to_world(point))
    found = upscaled.data_to_world(finer_coordinates(point, factors))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * (1 + np.abs(expected).max()))


def test_the_grid_moves_by_half_a_pixel_of_each_grid():
    """By hand: pixels of 4 µm cut in two; the first new center lies 1 µm before the first old one."""
    scale, translate = finer_grid([4, 4], [10, 10], [2, 1])
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
    plane = _finer_plane({"position": position, "normal": normal, "enabled": True}, factors)
    before = np.dot(np.subtract(point, position), normal) / np.linalg.norm(normal)
    after = np.dot(finer_coordinates(point, factors) - plane["position"], plane["normal"])
    assert plane["enabled"]
    assert np.isclose(before, 0, atol=1e-9) or np.sign(before) == np.sign(after)


@pytest.mark.parametrize(
    ("labels", "rgb", "axes"),
    [
        (("-2", "-1"), False, "YX"),
        (("-2", "-1"), True, "YXS"),
        (("-3", "-2", "-1"), False, "QYX"),
        (("t", "channel", "y", "x"), False, "TCYX"),
        (("Time", "Z", "Y", "X"), False, "TZYX"),
        (("y", "x", "c"), False, "YXC"),
        (("x", "y"), False, "XY"),
        (("y", "y"), False, "YX"),
        (("c", "c", "-2", "-1"), False, "CQYX"),
        (("y", "-2", "-1"), False, "QYX"),
    ],
)
def test_axis_labels_give_axis_letters(labels, rgb, axes):
    """Y and X are the last two dimensions unless the labels name both of them."""
    assert axes_from_labels(labels, rgb=rgb) == axes


@given(labels=st.lists(st.text(max_size=3) | st.sampled_from("tczyx"), min_size=2, max_size=8))
def test_any_labels_give_axes_that_the_engine_accepts(labels):
    assert parse_axes(axes_from_labels(labels), [2] * len(labels)).letters == axes_from_labels(
        labels
    )


LOOKS = {
    "name": "cells",
    "colormap": "magma",
    "contrast_limits": (10, 200),
    "gamma": 0.6,
    "opacity": 0.5,
    "blending": "additive",
    "visible": False,
    "interpolation2d": "cubic",
    "interpolation3d": "nearest",
    "rendering": "attenuated_mip",
    "attenuation": 0.3,
    "iso_threshold": 77,
    "depiction": "plane",
    "projection_mode": "mean",
    "rotate": 20,
    "shear": [0.3],
    "affine": [[1, 0.1, 3], [0, 1.2, 4], [0, 0, 1]],
    "units": ("nm", "um"),
    "axis_labels": ("y", "x"),
}


def test_looks_and_place_are_copied():
    """All attributes of a layer except its pixels, its grid and its name."""
    layer = image_layer((10, 12), **LOOKS)
    layer.contrast_limits_range = (0, 255)
    upscaled = upscale_layer(layer, 2, "bicubic")
    for key in LOOKS.keys() - {"name", "colormap", "rotate", "shear", "affine"}:
        assert getattr(upscaled, key) == getattr(layer, key), key
    for key in ("rotate", "shear", "affine"):
        np.testing.assert_allclose(getattr(upscaled, key), getattr(layer, key), atol=1e-12)
    assert upscaled.colormap == layer.colormap
    assert upscaled.contrast_limits_range == layer.contrast_limits_range
    assert upscaled.data.dtype == layer.data.dtype
    assert upscaled.name == "cells ×2 bicubic"


def test_metadata_record_the_run_and_keep_other_entries():
    """The record is plain data; the metadata of the source are unchanged."""
    layer = image_layer((10, 12), metadata={"stain": "DAPI"}, name="cells")
    upscaled = upscale_layer(layer, (2, 1.5), "bicubic", tile=8)
    record = upscaled.metadata["napari_sr"]
    assert json.loads(json.dumps(record)) == record
    assert {
        "source": "cells",
        "model": "bicubic",
        "scale": [2.0, 1.5],
        "axes": "YX",
    }.items() <= record.items()
    assert (record["tile"], record["device"], record["precision"]) == ([8, 8], "cpu", "float32")
    assert record["versions"]["napari-sr"] == napari_sr.__version__
    assert upscaled.metadata["stain"] == "DAPI"
    assert layer.metadata == {"stain": "DAPI"}


def test_the_record_of_an_earlier_run_is_kept_as_previous():
    once = upscale_layer(image_layer((6, 6), name="a"), 2, "bicubic")
    twice = upscale_layer(once, 3, "bicubic")
    assert twice.metadata["napari_sr"]["scale"] == [3, 3]
    assert twice.metadata["napari_sr"]["previous"] == once.metadata["napari_sr"]


def test_the_source_is_never_changed():
    layer = image_layer((10, 12), scale=(2, 3))
    before, state = layer.data.copy(), layer.as_layer_data_tuple()[1]
    upscale_layer(layer, 3, "bicubic")
    np.testing.assert_array_equal(layer.data, before)
    after = layer.as_layer_data_tuple()[1]
    assert repr(after) == repr(state)


def test_of_a_multiscale_layer_the_finest_level_is_upscaled():
    levels = [pixels(16, 24), pixels(8, 12)]
    layer = napari.layers.Image(levels, multiscale=True, scale=(0.5, 0.5))
    upscaled = upscale_layer(layer, 2, "bicubic")
    assert not upscaled.multiscale
    np.testing.assert_array_equal(upscaled.data, upscale(levels[0], 2, "bicubic"))
    assert tuple(upscaled.scale) == (0.25, 0.25)


@pytest.mark.parametrize("shape", [(9, 7, 3), (9, 7, 4), (2, 9, 7, 3)])
def test_rgb_layers_keep_their_samples(shape):
    layer = image_layer(shape, rgb=True)
    upscaled = upscale_layer(layer, 2, "bicubic")
    axes = "QYXS"[-len(shape) :]
    assert upscaled.rgb
    assert upscaled.data.shape == (*shape[:-3], 18, 14, shape[-1])
    np.testing.assert_array_equal(upscaled.data, upscale(layer.data, 2, "bicubic", axes=axes))


def test_a_last_axis_of_three_is_not_taken_for_rgb():
    """A gray stack whose last axis has length 3 stays one."""
    layer = image_layer((5, 8, 3), rgb=False)
    assert upscale_layer(layer, 2, "bicubic").data.shape == (5, 16, 6)


def test_channels_have_intensity_ranges_of_their_own():
    """Channels of an axis that is labeled so are not scaled together."""
    data = np.stack([pixels(12, 12), pixels(12, 12).astype(np.uint16) * 200]).astype(np.uint16)
    layer = napari.layers.Image(data, axis_labels=("channel", "y", "x"))
    expected = upscale(data, 2, "bicubic", axes="CYX")
    np.testing.assert_array_equal(upscale_layer(layer, 2, "bicubic").data, expected)


def test_y_and_x_may_be_any_two_axes():
    layer = image_layer((8, 3, 6), axis_labels=("y", "z", "x"), scale=(1, 5, 2))
    upscaled = upscale_layer(layer, 2, "bicubic")
    assert upscaled.data.shape == (16, 3, 12)
    assert tuple(upscaled.scale) == (0.5, 5, 1)


@pytest.mark.parametrize(
    "layer",
    [
        napari.layers.Labels(np.zeros((4, 4), int), name="it"),
        napari.layers.Points([[1, 1]], name="it"),
        napari.layers.Shapes([[[0, 0], [1, 1]]], name="it"),
    ],
    ids=["labels", "points", "shapes"],
)
def test_other_types_of_layers_are_refused_by_name(layer):
    with pytest.raises(
        InputError, match=r"'it' is a (Labels|Points|Shapes) layer and only image layers"
    ):
        upscale_layer(layer)


def test_no_layer_is_refused_at_the_call_and_not_at_the_first_step():
    with pytest.raises(InputError, match="no layer is selected"):
        upscale_layer_steps(None)


def test_steps_use_the_layer_as_it_was_at_the_call():
    layer = image_layer((40, 40), name="before", translate=(3, 4))
    before = layer.data.copy()
    steps = upscale_layer_steps(layer, 2, "bicubic", tile=16)
    layer.name, layer.translate, layer.data = "after", (50, 50), np.zeros((40, 40), np.uint8)
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            upscaled = end.value
            break
    assert [(step.done, step.total) for step in seen][-1] == (9, 9)
    assert upscaled.name == "before ×2 bicubic"
    np.testing.assert_allclose(upscaled.translate, (2.75, 3.75))
    np.testing.assert_array_equal(upscaled.data, upscale(before, 2, "bicubic"))


def test_progress_is_reported_by_tile():
    seen = []
    upscale_layer(
        image_layer((20, 20)), 2, "bicubic", tile=10, progress=lambda *step: seen.append(step)
    )
    assert seen[0][0] == 0
    assert seen[-1] == (4, 4)


def test_planes_in_the_data_stay_where_they_are_in_the_world():
    """A clipping plane still passes through the same point of the volume."""
    plane = {"position": (1, 4, 2), "normal": (1, 2, -1), "enabled": True}
    layer = image_layer((4, 8, 6), experimental_clipping_planes=[plane], scale=(3, 2, 1))
    layer.plane.position, layer.plane.normal = plane["position"], plane["normal"]
    upscaled = upscale_layer(layer, 2, "bicubic")
    expected = layer.data_to_world((1, 4, 2))
    np.testing.assert_allclose(upscaled.data_to_world(upscaled.plane.position), expected)
    clipping = upscaled.experimental_clipping_planes[0]
    np.testing.assert_allclose(upscaled.data_to_world(clipping.position), expected)
    assert clipping.enabled


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(*[st.integers(1, 90)] * 2), scale=st.tuples(*[st.floats(1, 9)] * 2))
def test_the_shape_known_before_planning_is_that_of_the_plan(size, scale):
    """What the widget shows before PyTorch is loaded agrees with the engine."""
    source = snapshot(image_layer((2, *size), rgb=False))
    options = UpscaleOptions(scale=scale, model="bicubic")
    plan = plan_snapshot(source, options, measure=False)
    assert source.out_shape({"Y": scale[0], "X": scale[1]}) == plan.out_shape
