"""Lazy layers give lazy layers with the same pixels, by the plan that was made for them."""

from __future__ import annotations

import dask.array as da
import napari.layers
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_sr import upscale
from napari_sr.errors import InputError
from napari_sr.inference import UpscaleOptions
from napari_sr.layers import (
    plan_snapshot,
    snapshot,
    upscale_layer,
    upscale_snapshot_steps,
    visible_part,
)
from napari_sr.layers._visible import compute_visible


@pytest.fixture
def stack():
    """Six planes of noise."""
    return np.random.default_rng(0).integers(0, 255, (6, 30, 40)).astype(np.uint8)


def drain(steps):
    """All that a generator yields, and its return value."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def counted(array):
    """A dask array of an array's planes, and the list of the planes that have been read."""
    read = []

    def plane(block_info=None):
        index = block_info[None]["chunk-location"][0]
        read.append(index)
        return array[index : index + 1]

    chunks = ((1,) * len(array), *((n,) for n in array.shape[1:]))
    return da.map_blocks(plane, chunks=chunks, dtype=array.dtype), read


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_a_lazy_layer_gives_a_lazy_layer(stack, kind):
    """Only a sample for the intensity range is read before a plane is needed."""
    data = (
        da.from_array(stack, chunks=(1, 30, 40))
        if kind == "dask"
        else zarr.array(stack, chunks=(1, 30, 40))
    )
    layer = napari.layers.Image(data, contrast_limits=(0, 255), scale=(5, 1, 1))
    upscaled = upscale_layer(layer, 2, "bicubic")
    assert isinstance(upscaled.data, da.Array)
    assert upscaled.data.shape == (6, 60, 80)
    np.testing.assert_array_equal(
        np.asarray(upscaled.data[2]), upscale(stack, 2, "bicubic", axes="ZYX")[2]
    )
    assert tuple(upscaled.scale) == (5, 0.5, 0.5)


def test_a_lazy_layer_can_be_computed_at_once(stack):
    layer = napari.layers.Image(da.from_array(stack), contrast_limits=(0, 255))
    source = snapshot(layer)
    plan = plan_snapshot(source, UpscaleOptions(model="bicubic"), lazy=False)
    seen, upscaled = drain(upscale_snapshot_steps(source, plan, lazy=False))
    assert isinstance(upscaled.data, np.ndarray)
    assert seen[-1].done == 6
    np.testing.assert_array_equal(upscaled.data, upscale(stack, 2, "bicubic", axes="ZYX"))


def test_a_lazy_multiscale_layer_gives_its_finest_level_lazily(stack):
    levels = [da.from_array(stack), da.from_array(stack[:, ::2, ::2])]
    layer = napari.layers.Image(levels, multiscale=True, contrast_limits=(0, 255))
    upscaled = upscale_layer(layer, 2, "bicubic")
    assert isinstance(upscaled.data, da.Array)
    assert upscaled.data.shape == (6, 60, 80)


def test_only_the_blocks_that_are_shown_are_computed_beforehand(stack):
    """One plane of the stack is ready and is not read again; the rest stays lazy."""
    lazy, read = counted(stack)
    steps, array = drain(compute_visible(lazy * 2, (3, None, None)))
    assert read == [3]
    assert [(step.done, step.total) for step in steps] == [(0, 1), (1, 1)]
    np.testing.assert_array_equal(np.asarray(array[3]), stack[3] * 2)
    assert read == [3]
    np.testing.assert_array_equal(np.asarray(array), stack * 2)
    assert sorted(read) == [0, 1, 2, 3, 4, 5]


def test_a_view_outside_of_the_layer_computes_nothing(stack):
    lazy, read = counted(stack)
    _, array = drain(compute_visible(lazy, (17, None, None)))
    assert read == []
    assert array.shape == lazy.shape


def test_all_samples_of_rgb_are_computed():
    photo = np.random.default_rng(0).integers(0, 255, (12, 10, 3)).astype(np.uint8)
    _, array = drain(compute_visible(da.from_array(photo, chunks=(6, 10, 3)), (None, None)))
    np.testing.assert_array_equal(np.asarray(array), photo)


def test_the_view_follows_the_viewer(stack):
    """The plane follows from the layer's scale, its translation and the dimensions of other layers."""
    viewer = ViewerModel()
    layer = viewer.add_image(stack, scale=(5, 1, 1), translate=(100, 0, 0))
    viewer.dims.set_point(0, 115)
    assert visible_part(viewer.dims, layer) == (3, None, None)
    viewer.add_image(np.zeros((2, 6, 30, 40)))
    viewer.dims.set_point(1, 120)
    assert visible_part(viewer.dims, layer) == (4, None, None)
    viewer.dims.ndisplay = 3
    assert visible_part(viewer.dims, layer) == (None, None, None)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 2, 1, 3)
    viewer.dims.set_point(2, 7)
    assert visible_part(viewer.dims, layer) == (None, 7, None)


@pytest.mark.parametrize("kind", ["numpy", "dask"])
@pytest.mark.parametrize("scale", [2, 2.5])
def test_the_result_can_be_the_finest_level_of_a_pyramid(kind, scale):
    image = np.random.default_rng(0).integers(0, 255, (64, 48)).astype(np.uint8)
    levels = [image, image[::2, ::2], image[::4, ::4]]
    given = [da.from_array(each, chunks=20) for each in levels] if kind == "dask" else levels
    layer = napari.layers.Image(
        given,
        multiscale=True,
        contrast_limits=(0, 200),
        scale=(3, 2),
        translate=(10, -4),
        rotate=30,
    )
    upscaled = upscale_layer(layer, scale, "bicubic", pyramid=True)
    assert upscaled.multiscale
    assert len(upscaled.data) == 4
    assert isinstance(upscaled.data[0], da.Array)
    np.testing.assert_array_equal(upscaled.data[0], upscale(image, scale, "bicubic"))
    for new, old in zip(list(upscaled.data)[1:], levels, strict=True):
        np.testing.assert_array_equal(new, old)
    # The same picture in the world: corners of corner pixels of the finest level.
    for corner in ((-0.5, -0.5), (63.5, 47.5)):
        finer = (np.array(corner) + 0.5) * scale - 0.5
        np.testing.assert_allclose(upscaled.data_to_world(finer), layer.data_to_world(corner))
    assert upscaled.metadata["napari_sr"]["model"] == "bicubic"
    assert list(upscaled.contrast_limits) == [0, 200]


def test_a_pyramid_needs_levels_and_a_scale(stack):
    with pytest.raises(InputError, match="is not multiscale"):
        upscale_layer(napari.layers.Image(stack), 2, "bicubic", pyramid=True)
    levels = napari.layers.Image([stack, stack[:, ::2, ::2]], multiscale=True)
    with pytest.raises(InputError, match="scale above 1"):
        upscale_layer(levels, 1, "bicubic", pyramid=True)
    for options in ({"isotropic": True, "z_spacing": 2.0}, {"uncertainty": True}):
        with pytest.raises(InputError, match="layer of its own"):
            upscale_layer(levels, 2, "bicubic", pyramid=True, **options)


@pytest.mark.parametrize("tile", [5, (7, 9)])
def test_the_plan_that_was_made_is_executed(stack, tile, monkeypatch):
    """Its tile is the one that runs and the one in the record; nothing is planned again."""
    layer = napari.layers.Image(da.from_array(stack, chunks=(1, 30, 40)), contrast_limits=(0, 255))
    source = snapshot(layer)
    plan = plan_snapshot(source, UpscaleOptions(model="bicubic", tile=tile))
    assert plan.window < plan_snapshot(source, UpscaleOptions(model="bicubic")).window
    network = plan.model.network(2)
    forward, ran = type(network).forward, set()

    def watched(self, x):
        ran.add(tuple(x.shape[-2:]))
        return forward(self, x)

    monkeypatch.setattr(type(network), "forward", watched)
    _, upscaled = drain(upscale_snapshot_steps(source, plan))
    np.asarray(upscaled.data)
    assert ran == {plan.window}
    assert tuple(upscaled.metadata["napari_sr"]["tile"]) == plan.tile


def test_the_record_of_a_lazy_layer_is_completed_as_blocks_are_computed():
    """Before, there is no number of replaced pixels; after, it is that of an eager run, and no block counts twice.

    napari shows the coarser levels of a pyramid, so that nothing of the new level is computed at first.
    """
    image = np.random.default_rng(0).integers(0, 255, (3, 200, 200), dtype=np.uint8)
    levels = napari.layers.Image([image, image[:, ::2, ::2]], multiscale=True)
    eager = upscale_layer(levels, 2, "ecbsr").metadata["napari_sr"]
    layer = upscale_layer(levels, 2, "ecbsr", pyramid=True)
    record, finest = layer.metadata["napari_sr"], layer.data[0]
    assert eager["replaced"]["pixels"] > 0
    assert record.keys().isdisjoint({"replaced", "remarks", "seconds"})
    assert record["computed"] == [0, 3]
    np.asarray(finest[0])
    assert record["computed"] == [1, 3]
    assert 0 < record["replaced"]["pixels"] < eager["replaced"]["pixels"]
    np.asarray(finest)
    np.asarray(finest[1])
    assert "computed" not in record
    assert record["replaced"] == eager["replaced"]


def test_a_lazy_layer_that_has_been_shown_records_what_was_computed():
    """napari computes the plane that it shows first; the record covers that plane alone, until all are computed."""
    image = np.random.default_rng(0).integers(0, 255, (3, 200, 200), dtype=np.uint8)
    eager = upscale_layer(napari.layers.Image(image), 2, "ecbsr").metadata["napari_sr"]
    lazy = da.from_array(image, chunks=(1, 200, 200))
    layer = upscale_layer(napari.layers.Image(lazy, contrast_limits=(0, 255)), 2, "ecbsr")
    record = layer.metadata["napari_sr"]
    assert record["computed"] == [1, 3]
    np.asarray(layer.data)
    assert "computed" not in record
    assert record["replaced"] == eager["replaced"]
