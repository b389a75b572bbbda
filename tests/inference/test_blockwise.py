"""Blockwise execution gives what execution in memory gives, and computes only the blocks that are needed."""

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.errors import InputError
from napari_sr.imaging import SpatialImage
from napari_sr.inference import (
    TorchRunner,
    UpscaleOptions,
    _blockwise,
    _ranges,
    execute,
    execute_blockwise,
    plan,
    plan_image,
    upscale,
    upscale_image,
    upscale_image_steps,
)

from .conftest import Exploding, Plain, collect, make_model

GREY = make_model({2: Plain(2), 3: Plain(3, kernels=(5, 3))})
CUTS = st.sampled_from([_blockwise._row_blocks, _blockwise._square_blocks])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blockwise, "BLOCK", 24)


def stack(*shape, seed=0):
    return np.random.default_rng(seed).gamma(3, 50, shape)


@pytest.mark.parametrize("scale", [2, (1, 2.6), 4.5])
@pytest.mark.parametrize("chunks", [(1, 10, 100), (2, 31, 17), -1])
def test_result_does_not_depend_on_blocks(scale, chunks):
    image = stack(2, 130, 90)
    image[1, 40, 30] = np.nan
    image[0, 10, 10] = 1e5
    expected = upscale(image, scale, GREY, tile=20)
    lazy = upscale(da.from_array(image, chunks=chunks), scale, GREY, tile=15)
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    assert lazy.npartitions >= 4
    np.testing.assert_allclose(lazy, expected, rtol=1e-5, atol=2e-3)


@pytest.fixture
def window_heights(monkeypatch):
    """Heights of the windows that networks are given."""
    seen = []
    original = TorchRunner.__call__
    monkeypatch.setattr(
        TorchRunner, "__call__", lambda *given: seen.append(given[1].shape[-2]) or original(*given)
    )
    return seen


@pytest.mark.parametrize("tile", [7, 13, (9, 40)])
def test_given_plan_is_what_runs(window_heights, tile):
    image = stack(110, 60)
    made = plan(image, 2, GREY, tile=tile)
    result = execute_blockwise(made, da.from_array(image, chunks=(50, 30)))
    result.image.compute()
    assert result.plan is made
    assert result.report.record("image")["tile"] == list(made.tile)
    assert max(window_heights) <= made.tile[0] + 2 * made.halo
    assert max(window_heights) > made.tile[0]


def test_plan_of_a_lazy_spatial_image_is_what_runs(window_heights):
    """What a window shows before the run is what the layer's metadata states afterwards."""
    image = SpatialImage(da.from_array(stack(110, 60), chunks=30), "YX")
    made = plan_image(image, UpscaleOptions(model=GREY, tile=11))
    result, steps = collect(upscale_image_steps(image, made))
    assert not steps
    assert isinstance(result.image.data, da.Array)
    result.image.data.compute()
    assert result.report.plan is made
    assert max(window_heights) <= made.tile[0] + 2 * made.halo


def test_windows_are_hardly_larger_than_planned(window_heights):
    """Two tiles along an axis have one halo each; in a block inside the image they have two."""
    model = make_model({2: Plain(2, kernels=(3,) * 8)})
    image, tile = stack(110, 30), 100
    made = plan(image, 2, model, tile=tile)
    upscale(da.from_array(image, chunks=(50, 30)), 2, model, tile=tile).compute()
    assert made.largest_tile[0] == 55
    assert len(window_heights) > 2
    assert max(window_heights) <= made.window[0] + made.halo


@pytest.mark.parametrize("axes", ["CYX", "YCX", "YXC"])
def test_channels_have_ranges_of_their_own_in_any_order_of_axes(axes):
    lengths = {"C": 2, "Y": 40, "X": 50}
    image = stack(*(lengths[letter] for letter in axes))
    factors = np.array([1, 1000]).reshape([2 if letter == "C" else 1 for letter in axes])
    image *= factors
    expected = upscale(image, 2, GREY, axes)
    lazy = upscale(da.from_array(image), 2, GREY, axes)
    np.testing.assert_allclose(lazy / factors, expected / factors, atol=2e-3)


@pytest.mark.parametrize("samples", [3, 4])
def test_samples_of_a_pixel_stay_in_one_chunk(samples):
    image = (stack(40, 50, samples) % 256).astype(np.uint8)
    lazy = upscale(da.from_array(image, chunks=(20, 50, 1)), 2, GREY)
    assert lazy.numblocks[-1] == 1
    difference = lazy.compute().astype(int) - upscale(image, 2, GREY)
    assert np.abs(difference).max() <= 1


def test_only_needed_blocks_of_the_input_are_read():
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


def exploding_image():
    """An image with bright pixels, at which the network `Exploding` explodes."""
    image = np.random.default_rng(0).uniform(0.2, 0.7, (110, 80))
    image[[3, 40, 60, 61, 109], [3, 30, 30, 31, 79]] = 1
    return image


OPTIONS = {"model": make_model({2: Exploding()}), "intensity_range": (0, 1)}


def test_report_counts_replaced_pixels_in_lazy_results_as_in_eager_ones():
    image = exploding_image()
    eager, _ = collect(execute(plan(image, 2, **OPTIONS), image))
    lazy = execute_blockwise(plan(image, 2, **OPTIONS), da.from_array(image, chunks=(50, 40)))
    assert eager.report.replaced_pixels > 9
    assert "replaced" not in lazy.report.record("image")
    assert not lazy.report.complete
    np.testing.assert_allclose(lazy.image, eager.image, atol=1e-5)
    assert lazy.report.complete
    assert lazy.report.facts.replaced == eager.report.facts.replaced
    assert lazy.report.record("image")["replaced"] == eager.report.record("image")["replaced"]
    assert lazy.report.messages == eager.report.messages


def test_report_of_a_lazy_result_counts_the_blocks_computed_so_far():
    image = exploding_image()
    lazy = execute_blockwise(plan(image, 2, **OPTIONS), da.from_array(image, chunks=(50, 40)))
    calls = []
    lazy.log.listen(lambda: calls.append(lazy.log.progress()))
    lazy.image[:2, :2].compute()
    report = lazy.report
    assert report.parts == (1, lazy.image.npartitions)
    assert report.record("image")["computed"] == [1, lazy.image.npartitions]
    first = report.replaced_pixels
    assert first >= 1
    lazy.image[:2, :2].compute()  # again: the block replaces itself
    assert lazy.report.replaced_pixels == first
    lazy.image.compute()
    assert lazy.report.replaced_pixels > first
    assert "computed" not in lazy.report.record("image")
    assert calls[0].done == 1
    assert calls[-1].done == calls[-1].total == lazy.image.npartitions


def test_upscale_image_of_a_lazy_image_returns_a_report_that_is_completed_later():
    image = SpatialImage(da.from_array(exploding_image(), chunks=40), "YX")
    result = upscale_image(image, 2, **OPTIONS)
    assert result.report.parts[0] == 0
    result.image.data.compute()
    assert result.report.replaced_pixels > 9


def test_replaced_pixels_of_a_lazy_result_are_logged_at_first_and_at_the_end(caplog):
    image = exploding_image()
    lazy = upscale(da.from_array(image, chunks=40), 2, **OPTIONS)
    assert not caplog.records
    with dask.config.set(scheduler="synchronous"):
        lazy[:4, :4].compute()
        assert len(caplog.records) == 1
        lazy.compute()
    expected, _ = collect(execute(plan(image, 2, **OPTIONS), image))
    assert len(caplog.records) == 2
    assert caplog.records[-1].message == expected.report.messages[-1]
    assert f"at {expected.report.replaced_pixels} pixels" in caplog.records[-1].message


def test_plan_of_another_image_is_refused():
    made = plan(np.zeros((40, 50)), 2, GREY)
    with pytest.raises(InputError, match=r"the plan is for float64 \(40, 50\)"):
        execute_blockwise(made, da.zeros((40, 51)))
    with pytest.raises(InputError, match="not uint8"):
        execute_blockwise(made, da.zeros((40, 50), dtype="uint8"))


@pytest.mark.parametrize("options", [{"uncertainty": True}, {"isotropic": True, "z_spacing": 2.0}])
def test_plan_that_needs_the_whole_image_is_refused(options):
    image = np.zeros((4, 20, 20))
    with pytest.raises(InputError, match="need the whole image in memory"):
        execute_blockwise(plan(image, 2, GREY, **options), image)


def test_ranges_are_measured_once_and_travel_without_the_image():
    count = 0

    def read(block):
        nonlocal count
        count += 1
        return block

    image = da.from_array(stack(48, 48), chunks=48).map_blocks(read, meta=np.empty((0, 0)))
    shared = _ranges.SharedRanges(plan(image, 2, GREY), image)
    first = shared.get()
    assert shared.get() is first
    assert count == 1
    there = pickle.loads(pickle.dumps(shared))
    np.testing.assert_array_equal(there.get().high, first.high)
    assert count == 1


def test_ranges_of_large_images_are_measured_on_blocks_spread_over_them(monkeypatch):
    monkeypatch.setattr(_ranges, "_WHOLE", 1000)
    image = stack(2, 100, 100)
    image[1] *= 100
    lazy = da.from_array(image, chunks=(1, 20, 20))
    ranges = _ranges.SharedRanges(plan(lazy, 2, GREY, "CYX"), lazy).get()
    np.testing.assert_allclose(ranges.high[:, 0], image.max(axis=(1, 2)), rtol=0.3)


@pytest.mark.parametrize("name", ["rlfn", "imdn"])
@pytest.mark.usefixtures("unchecked")
def test_attention_gets_the_positions_of_blocks(name):
    torch.manual_seed(0)
    network = registry.get(name).build(scale=2, in_channels=1, blocks=1, channels=16)
    model, image = make_model({2: network}, name=name), stack(640, 30)
    expected = upscale(image, 2, model, tile=100)
    lazy = upscale(da.from_array(image), 2, model, tile=100)
    assert (lazy.npartitions > 1) == (name == "rlfn")
    np.testing.assert_allclose(lazy, expected, atol=np.ptp(expected) / 255)


def test_zarr_array_gives_a_dask_array(tmp_path):
    image = stack(60, 60).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "image.zarr", data=image, chunks=(16, 16))
    lazy = upscale(stored, 2, GREY)
    assert dask.is_dask_collection(lazy)
    difference = lazy.compute().astype(int) - upscale(image, 2, GREY)
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(upscale(stored, 1, GREY), image)


@pytest.mark.parametrize("shape", [(30, 34, 3), (30, 34, 4)])
def test_constant_image_stays_constant_even_if_its_range_is_fixed(shape):
    model = make_model({2: Plain(2, channels=3)}, color="RGB")
    image = np.empty(shape, np.uint8)
    image[...] = (17, 200, 90, 128)[: shape[-1]]
    lazy = upscale(da.from_array(image, chunks=16), 2, model, axes="YXS").compute()
    np.testing.assert_array_equal(lazy, upscale(image, 2, model, axes="YXS"))
    assert (lazy == image[0, 0]).all()


@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    chunks=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scale=st.floats(1.01, 3),
    cut=CUTS,
)
@settings(max_examples=60, deadline=None)
def test_blocks_cover_the_image_and_contain_the_context_of_their_neighbors(
    size, chunks, scale, cut
):
    planned = plan(size, scale, GREY, dtype=np.uint8, tile=20, measure=False)
    for length, spans in zip(size, cut(planned, chunks), strict=True):
        assert [i for span in spans for i in range(*span)] == list(range(length))
        assert len(spans) == 1 or min(span.length for span in spans) >= _blockwise._depth(planned)


@given(
    size=st.tuples(st.integers(100, 400), st.integers(100, 400)),
    chunks=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scale=st.sampled_from([2, 2.5, 2.6, 1.1, 7 / 3, (1.25, 3)]),
    blocks=st.sampled_from(["square", "rows"]),
)
@settings(max_examples=40, deadline=None)
def test_chunks_of_the_result_are_equal_but_for_the_last(size, chunks, scale, blocks):
    image = da.zeros(size, chunks=tuple(map(min, size, chunks)), dtype=np.uint8)
    made = plan(image, scale, GREY, tile=20, measure=False)
    for lengths in execute_blockwise(made, image, blocks=blocks).image.chunks:
        assert len(set(lengths[:-1])) <= 1
        assert lengths[-1] <= lengths[0]


def test_rows_are_cut_only_where_they_are_very_large(monkeypatch):
    image = da.zeros((300, 200), chunks=10, dtype=np.float32)
    made = plan(image, 2, GREY, tile=20, measure=False)
    assert execute_blockwise(made, image, blocks="rows").image.numblocks[0] > 5
    assert execute_blockwise(made, image, blocks="rows").image.numblocks[1] == 1
    monkeypatch.setattr(_blockwise, "_ROWS_BYTES", 10_000)
    assert execute_blockwise(made, image, blocks="rows").image.numblocks[1] > 1
