"""The planner: the same image, options and free memory give the same plan, chosen by arithmetic and memory."""

import dataclasses
import math
import threading
import time

import numpy as np
import pytest

from napari_sr.architectures import registry
from napari_sr.errors import DeviceError, InputError
from napari_sr.inference import _planner, choose_native_scales, execute, plan, upscale
from napari_sr.inference._cost import WindowCost, window_cost

from .conftest import Limited, Plain, collect, make_model

IMAGE = np.zeros((512, 512), np.uint8)
HEAVY = make_model({2: Plain(2, kernels=(3,) * 8)})
"""Eight convolutions: a halo of ten pixels with the two of the bicubic fallback."""
PLENTY = 2**50


@pytest.fixture
def free(monkeypatch):
    """Sets the bytes of memory that are free."""

    def change(count):
        monkeypatch.setattr(_planner, "free_memory", lambda device: count)

    change(PLENTY)
    return change


def without_time(made):
    return dataclasses.replace(made, seconds=None)


class Slow(Plain):
    """Takes a tenth of a second more for each image than its arithmetic needs."""

    def forward(self, x):
        if not x.is_meta:
            time.sleep(0.1)
        return super().forward(x)


@pytest.mark.parametrize("shape", [(512, 512), (40, 3000, 2000)])
def test_measured_speed_does_not_change_the_plan(free, shape):
    quick, slow = make_model({2: Plain(2)}), make_model({2: Slow(2)})
    one, other = (plan(shape, 2, model, dtype="uint8") for model in (quick, slow))
    assert other.seconds > 3 * one.seconds
    assert without_time(other) == without_time(one)


def test_earlier_runs_do_not_change_the_plan(free):
    model = make_model({2: Slow(2)})
    before = plan(IMAGE, 2, model, measure=False)
    collect(execute(before, IMAGE))
    after = plan(IMAGE, 2, model, measure=False)
    assert after.seconds is not None
    assert without_time(after) == before


def test_busy_machine_does_not_change_the_plan(free):
    idle = plan(IMAGE, 2, make_model({2: Plain(2, kernels=(3,) * 8)}))
    stop = threading.Event()

    def burn():
        while not stop.is_set():
            np.linalg.eigvals(np.eye(64))

    threads = [threading.Thread(target=burn) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        busy = plan(IMAGE, 2, make_model({2: Plain(2, kernels=(3,) * 8)}))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert without_time(busy) == without_time(idle)


def test_image_of_512_pixels_is_one_tile_of_a_small_network(free):
    assert plan(IMAGE, 2, "ecbsr", measure=False).n_tiles == 1


def penalized(made):
    """Work of a run as the documentation states it: tiles above the limit count more by the root of their excess."""
    tile = math.prod(made.window) * window_cost(made).macs_per_pixel * (8 if made.ensemble else 1)
    return made.n_tiles * (tile + 5e7) * math.sqrt(max(1, tile / 1e11))


@pytest.mark.parametrize("halo", [2, 10, 65])
@pytest.mark.parametrize("side", [200, 512, 4000, 30_000])
@pytest.mark.parametrize("ensemble", [False, True])
def test_chosen_tiles_are_within_a_few_percent_of_the_least_penalized_work(
    free, side, halo, ensemble
):
    made = plan((side, side), 2, HEAVY, dtype="uint8", ensemble=ensemble, measure=False)
    made = dataclasses.replace(made, halo=halo)
    cost = window_cost(made)
    chosen = penalized(_planner.with_tile(made, cost, PLENTY))
    for tile in (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, side):
        other = dataclasses.replace(made, tile=(min(tile, side),) * 2)
        assert chosen <= 1.06 * penalized(dataclasses.replace(other, tile=other.largest_tile))


def test_wide_halos_get_larger_tiles(free):
    made = plan((4000, 4000), 2, HEAVY, dtype="uint8", measure=False)
    costly = WindowCost(0, 1000, 1e6)
    narrow, wide = (
        _planner.with_tile(dataclasses.replace(made, halo=halo), costly, PLENTY) for halo in (2, 65)
    )
    assert narrow.tile < wide.tile


def test_eight_runs_of_an_ensemble_count_as_one_tile(free):
    made = plan((2000, 2000), 2, HEAVY, dtype="uint8", measure=False)
    each, eight = WindowCost(0, 1000, 5e5), WindowCost(0, 1000, 4e6)
    ensemble = dataclasses.replace(made, ensemble=True)
    chosen = _planner.with_tile(ensemble, each, PLENTY).tile
    assert chosen == _planner.with_tile(made, eight, PLENTY).tile
    assert chosen < _planner.with_tile(made, each, PLENTY).tile


def test_expensive_networks_get_smaller_tiles_so_that_progress_shows(free):
    tiles = []
    for model, ensemble in ((make_model({2: Plain(2)}), False), (HEAVY, False), (HEAVY, True)):
        made = plan((100_000, 100_000), 2, model, dtype="uint8", ensemble=ensemble, measure=False)
        tiles.append(made.tile[0])
        work = math.prod(made.window) * window_cost(made).macs_per_pixel * (8 if ensemble else 1)
        assert work < 3e11
    assert tiles == sorted(tiles, reverse=True)
    assert tiles[0] > tiles[-1]


@pytest.mark.parametrize("free_bytes", [20e6, 100e6, 500e6, 2e9])
@pytest.mark.parametrize("model", ["ecbsr", "mspn"])
def test_tiles_take_at_most_half_of_the_free_memory(free, model, free_bytes):
    free(free_bytes)
    made = plan((256, 4000, 4000), 2, model, dtype="uint8", measure=False)
    smallest = plan((256, 4000, 4000), 2, model, dtype="uint8", tile=64, measure=False)
    assert made.memory <= free_bytes / 2 or made.tile == smallest.largest_tile


def test_wide_context_is_as_large_as_memory_allows(free):
    """Whole images are exact; less memory gives the largest tiles that fit."""
    model = make_model({2: registry.get("rlfn").build(scale=2, in_channels=1, blocks=1)})
    windows = []
    for free_bytes in (300e6, 600e6, PLENTY):
        free(free_bytes)
        made = plan((800, 800), 2, model, dtype="uint8", measure=False)
        assert made.wants_wide_context
        windows.append(made.window[0])
    assert windows[0] < windows[1] < windows[2] == 800


def test_smallest_window_is_taken_where_nothing_fits(free):
    free(1)
    made = plan((200, 200), 2, HEAVY, dtype="uint8", measure=False)
    wide = dataclasses.replace(made, halo=65)
    # Two tiles along an axis have one halo each; of four, those in the middle have two.
    assert _planner.with_tile(wide, window_cost(wide), 1).window == (165, 165)
    assert made.tile == (50, 50)


def test_output_is_reserved_before_tiles_unless_it_is_lazy(free):
    large = plan((4000, 4000), 2, HEAVY, dtype="uint8", measure=False)
    free(large.bytes_out + 50_000_000)
    held = plan((4000, 4000), 2, HEAVY, dtype="uint8", measure=False)
    assert held.memory <= 25_000_000
    assert _planner._tile_budget(large, lazy=True) == (large.bytes_out + 50_000_000) / 2
    assert _planner._tile_budget(large, lazy=False) == 25_000_000
    free(1_000_000)
    assert _planner._tile_budget(large, lazy=False) > 0


def test_deviation_is_reserved_before_tiles(free):
    plain, both = (
        plan((4000, 4000), 2, HEAVY, dtype="uint8", uncertainty=asked, measure=False)
        for asked in (False, True)
    )
    free(both.bytes_held + 2_000_000_000)
    assert _planner._tile_budget(both, lazy=False) == 1_000_000_000
    assert _planner._tile_budget(plain, lazy=False) > 1_000_000_000


def test_lazy_tiles_take_at_most_one_gibibyte(free):
    large = plan((20000, 20000), 2, HEAVY, dtype="uint8", measure=False)
    assert _planner._tile_budget(large, lazy=True) == 2**30
    assert _planner._tile_budget(large, lazy=False) > 2**38


def test_small_frames_run_in_batches(free):
    assert plan((100, 16, 16), 2, HEAVY, dtype="uint8", measure=False).batch == 64
    few = plan((5, 16, 16), 2, HEAVY, dtype="uint8", measure=False)
    assert few.batch == 5
    free(few.memory)
    tight = plan((5, 16, 16), 2, HEAVY, dtype="uint8", measure=False)
    assert 1 <= tight.batch < 5
    assert tight.memory <= few.memory / 2


@pytest.mark.parametrize("tile", ["auto", None, 100, (200, 90)])
def test_planned_tiles_are_what_runs(grey, tile):
    image = np.random.default_rng(0).random((2, 130, 140))
    made = plan(image, 2, grey, tile=tile)
    _, steps = collect(execute(made, image))
    assert (steps[0].done, steps[0].total) == (0, made.n_tiles)
    assert (steps[-1].done, steps[-1].total) == (made.n_tiles, made.n_tiles)
    assert tile is None or made.tile <= (200, 140)


@pytest.mark.parametrize("limit", [30, 50])
def test_run_continues_with_smaller_tiles_where_measuring_had_too_little_memory(limited, limit):
    image = np.random.default_rng(0).random((64, 60))
    expected = upscale(image, 2, make_model({2: Plain(2)}), tile=None)
    Limited.limit = limit**2
    result, _ = collect(execute(plan(image, 2, limited), image))
    np.testing.assert_allclose(result.image, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("scale", "native", "chosen"),
    [
        ((1, 1), (2, 3), ()),
        ((1.1, 1), (2, 3, 4), (2,)),
        ((2, 2), (2, 3, 4), (2,)),
        ((2, 2.1), (2, 3, 4), (3,)),
        ((5, 5), (2, 3, 4), (2, 3)),
        ((8, 8), (2, 4), (2, 4)),
        ((3, 3), (2,), (2, 2)),
        ((16, 1), (4,), (4, 4)),
    ],
)
def test_fewest_sufficient_native_scales_are_run(scale, native, chosen):
    assert choose_native_scales(scale, native) == chosen


def test_model_that_only_keeps_sizes_is_refused():
    with pytest.raises(InputError, match="keeps the size of an image"):
        choose_native_scales((2, 2), (1,))


@pytest.mark.parametrize(
    ("fast", "dtype", "safe", "expected"),
    [
        (True, "uint8", True, "bfloat16"),
        (True, "uint16", True, "float32"),
        (True, "uint8", False, "float32"),
        (False, "uint8", True, "float32"),
    ],
)
def test_automatic_precision_is_low_only_where_it_is_safe_and_faster(
    monkeypatch, fast, dtype, safe, expected
):
    monkeypatch.setattr(_planner, "has_fast_bfloat16", lambda device: fast)
    model = make_model({2: Plain(2)}, bfloat16_safe=safe)
    made = plan((40, 40), 2, model, dtype=dtype, device="cpu", measure=False)
    assert made.precision == expected


def test_precision_that_the_device_lacks_is_refused(monkeypatch, grey):
    monkeypatch.setattr(_planner, "has_bfloat16", lambda device: False)
    with pytest.raises(DeviceError, match="cannot compute in bfloat16; choose float32 or float16"):
        plan(IMAGE, 2, grey, precision="bfloat16", measure=False)
