"""Lazy arrays give what arrays in memory give, where and when somebody looks."""

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from napari_sr.inference._runner import TorchRunner
from napari_sr.inference._shared_ranges import SharedRanges

from napari_sr.architectures import registry
from napari_sr.inference import _blocks, _build, plan, upscale

from .conftest import Plain, make_model

GREY = make_model({2: Plain(2), 3: Plain(3, kernels=(5, 3))})


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 24)


def stack(*shape, seed=0):
    return np.random.default_rng(seed).gamma(3, 50, shape)


@pytest.mark.parametrize("scale", [2, (1, 2.6), 4.5])
@pytest.mark.parametrize("chunks", [(1, 10, 100), (2, 31, 17), -1])
def test_blocks_change_nothing(scale, chunks):
    image = stack(2, 130, 90)
    image[1, 40, 30] = np.nan
    image[0, 10, 10] = 1e5
    expected = upscale(image, scale, GREY, tile=20)
    lazy = upscale(da.from_array(image, chunks=chunks), scale, GREY, tile=15)
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    assert lazy.npartitions >= 4
    np.testing.assert_allclose(lazy, expected, rtol=1e-5, atol=2e-3)


def test_blocks_need_hardly_more_memory_than_was_planned_for_the_whole_image(monkeypatch):
    """Two tiles a side have a halo at one end; in a block that the image surrounds they have two."""
    model = make_model({2: Plain(2, kernels=(3,) * 8)})
    image, tile = stack(110, 30), 100
    made = plan(image, 2, model, tile=tile)
    seen = []
    original = TorchRunner.__call__
    monkeypatch.setattr(
        TorchRunner, "__call__", lambda *given: seen.append(given[1].shape[-2]) or original(*given)
    )
    upscale(da.from_array(image, chunks=(50, 30)), 2, model, tile=tile).compute()
    assert made.largest_tile[0] == 55
    assert len(seen) > 2
    assert max(seen) <= made.window[0] + made.halo


@pytest.mark.parametrize("axes", ["CYX", "YCX", "YXC"])
def test_channels_keep_their_ranges_wherever_they_stand(axes):
    lengths = {"C": 2, "Y": 40, "X": 50}
    image = stack(*(lengths[letter] for letter in axes))
    factors = np.array([1, 1000]).reshape([2 if letter == "C" else 1 for letter in axes])
    image *= factors
    expected = upscale(image, 2, GREY, axes)
    lazy = upscale(da.from_array(image), 2, GREY, axes)
    np.testing.assert_allclose(lazy / factors, expected / factors, atol=2e-3)


@pytest.mark.parametrize("samples", [3, 4])
def test_rgb_and_alpha(samples):
    image = (stack(40, 50, samples) % 256).astype(np.uint8)
    lazy = upscale(da.from_array(image, chunks=(20, 50, 1)), 2, GREY)
    assert lazy.numblocks[-1] == 1
    difference = lazy.compute().astype(int) - upscale(image, 2, GREY)
    assert np.abs(difference).max() <= 1


def test_nothing_is_read_before_somebody_looks_and_then_only_there():
    seen = []

    def read(block_info=None):
        seen.append(block_info[None]["chunk-location"])
        return np.full((1, 24, 24), 3.0)

    image = da.map_blocks(
        read, chunks=((1,) * 5, (24,) * 9, (24,) * 9), dtype=float, meta=np.empty((0, 0, 0))
    )
    lazy = upscale(image, 2, GREY, intensity_range=(0, 10))
    assert not seen
    lazy[3, :20, :20].compute()
    assert {where[0] for where in seen} == {3}
    assert len(seen) < 81


def test_ranges_are_measured_once_and_travel_without_the_image():
    count = 0

    def read(block):
        nonlocal count
        count += 1
        return block

    image = da.from_array(stack(48, 48), chunks=48).map_blocks(read, meta=np.empty((0, 0)))
    shared = SharedRanges(plan(image, 2, GREY), image)
    first = shared.get()
    assert shared.get() is first
    assert count == 1
    there = pickle.loads(pickle.dumps(shared))
    np.testing.assert_array_equal(there.get().high, first.high)
    assert count == 1


def test_ranges_of_large_images_come_from_blocks_spread_over_them(monkeypatch):
    monkeypatch.setattr("napari_sr.inference._shared_ranges._WHOLE", 1000)
    image = stack(2, 100, 100)
    image[1] *= 100
    lazy = da.from_array(image, chunks=(1, 20, 20))
    ranges = SharedRanges(plan(lazy, 2, GREY, "CYX"), lazy).get()
    np.testing.assert_allclose(ranges.high[:, 0], image.max(axis=(1, 2)), rtol=0.3)


@pytest.mark.parametrize("name", ["rlfn", "imdn"])
def test_attention_knows_where_blocks_lie(name, monkeypatch):
    monkeypatch.setattr(_build, "Guarded", lambda runner, tally: runner)
    torch.manual_seed(0)
    network = registry.get(name).build(scale=2, in_channels=1, blocks=1, channels=16)
    model, image = make_model({2: network}, name=name), stack(640, 30)
    expected = upscale(image, 2, model, tile=100)
    lazy = upscale(da.from_array(image), 2, model, tile=100)
    assert (lazy.npartitions > 1) == (name == "rlfn")
    np.testing.assert_allclose(lazy, expected, atol=np.ptp(expected) / 255)


def test_zarr_is_lazy_and_a_factor_of_one_leaves_it_alone(tmp_path):
    image = stack(60, 60).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "image.zarr", data=image, chunks=(16, 16))
    lazy = upscale(stored, 2, GREY)
    assert dask.is_dask_collection(lazy)
    difference = lazy.compute().astype(int) - upscale(image, 2, GREY)
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(upscale(stored, 1, GREY), image)


@pytest.mark.parametrize("shape", [(30, 34, 3), (30, 34, 4)])
def test_an_image_of_one_color_keeps_it_also_where_its_range_is_known(shape):
    model = make_model({2: Plain(2, channels=3)}, color="RGB")
    image = np.empty(shape, np.uint8)
    image[...] = (17, 200, 90, 128)[: shape[-1]]
    lazy = upscale(da.from_array(image, chunks=16), 2, model, axes="YXS").compute()
    np.testing.assert_array_equal(lazy, upscale(image, 2, model, axes="YXS"))
    assert (lazy == image[0, 0]).all()
