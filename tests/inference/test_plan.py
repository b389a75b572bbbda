"""A plan says what will happen, and that is what happens."""

import dataclasses
import time

import numpy as np
import pytest
import torch
from napari_sr.inference._choose import prefers_bfloat16, tile_budget, with_batch, with_tile
from napari_sr.inference._precision import resolve_precision
from napari_sr.inference._probe import measured_cost
from napari_sr.inference._scale import choose_passes
from napari_sr.inference._tracker import PeakTracker

from napari_sr.errors import DeviceError, InputError
from napari_sr.inference import plan, run, upscale
from napari_sr.inference._cost import Cost
from napari_sr.inference._plan import format_bytes, format_seconds

from .conftest import Plain, make_model

IMAGE = np.zeros((512, 512), np.uint8)
PLENTY = 1e12


def test_a_plan_prints_as_one_line(grey):
    made = plan(IMAGE, 2, grey, tile=256, measure=False)
    line = dataclasses.replace(made, batch=4, seconds=0.12, memory=3_300_000_000)
    assert str(line) == (
        "double x2, 512 x 512 -> 1024 x 1024 uint8 (1.0 MiB), tile 256 + halo 4, batch 4, 4 tiles, "
        "about 3.1 GiB, about 0.1 s on cpu (float32)"
    )
    assert "unchanged" in str(plan(IMAGE, 1, grey))
    assert "x1.5x2" in str(plan(IMAGE, (1.5, 2), grey, measure=False))


def test_a_shape_and_a_dtype_are_enough(grey):
    of_shape = plan((3, 40, 50), 2.5, grey, dtype="uint16", measure=False)
    assert of_shape == plan(np.zeros((3, 40, 50), np.uint16), 2.5, grey, measure=False)
    assert of_shape.out_shape == (3, 100, 125)
    assert of_shape.bytes_out == 3 * 100 * 125 * 2


@pytest.mark.parametrize("tile", ["auto", None, 100, (200, 90)])
def test_the_planned_tiles_are_what_runs(grey, tile):
    image = np.random.default_rng(0).random((2, 130, 140))
    made = plan(image, 2, grey, tile=tile)
    steps = list(run(made, image))
    assert (steps[0].done, steps[0].total) == (0, made.n_tiles)
    assert (steps[-1].done, steps[-1].total) == (made.n_tiles, made.n_tiles)
    assert tile is None or made.tile <= (200, 140)


def test_a_plan_runs_on_the_image_that_it_was_made_for(grey):
    with pytest.raises(InputError, match="the plan is for"):
        next(run(plan(IMAGE, 2, grey), IMAGE[1:]))


def test_nothing_is_measured_unless_asked_for():
    calls = []

    class Counting(Plain):
        def forward(self, x):
            calls.append(x.shape)
            return super().forward(x)

    model = make_model({2: Counting(2)})
    model.halo(2)
    calls.clear()
    assert plan(IMAGE, 2, model, measure=False).seconds is None
    assert not calls
    measured = plan(IMAGE, 2, model)
    assert measured.seconds > 0
    assert calls
    calls.clear()
    assert plan(IMAGE, 2, model, measure=False) == measured
    assert not calls


def test_measuring_is_quick():
    model = make_model({2: Plain(2, kernels=(3,) * 8)})
    model.halo(2)
    started = time.thread_time()
    plan(IMAGE, 2, model)
    assert time.thread_time() - started < 1


def test_memory_is_foretold_from_small_images():
    model = make_model({2: Plain(2, kernels=(3,) * 4)})
    made = plan(IMAGE, 2, model, tile=200)
    with PeakTracker() as tracker:
        list(run(made, IMAGE))
    assert made.memory == pytest.approx(tracker.peak, rel=0.3)


def cost(**changes):
    facts = {
        "times": ((1024, 0.001), (65536, 0.03), (262144, 0.3)),
        "fixed_bytes": 0,
        "bytes_per_pixel": 100,
    }
    return Cost(**{**facts, **changes})


def test_times_are_interpolated_and_grow_in_proportion_beyond():
    assert cost().seconds(65536) == pytest.approx(0.03)
    assert 0.03 < cost().seconds(100_000) < 0.3
    assert cost().seconds(524288) == pytest.approx(0.6)
    assert cost().best_pixels == 65536


def test_tiles_are_as_large_as_is_cheapest(grey):
    large = plan((4000, 4000), 2, grey, dtype="uint8", measure=False)
    assert with_tile(large, cost(), PLENTY).tile == (250, 250)
    slow = cost(times=((1024, 0.1),))
    assert with_tile(large, slow, PLENTY).tile == (125, 125)  # within two seconds


@pytest.mark.parametrize("slowness", [1, 4, 16, 64])
@pytest.mark.parametrize("side", [200, 300, 512, 4000])
def test_silence_is_borne_only_for_a_run_that_is_much_quicker(grey, side, slowness):
    """Twice as quick for four times the silence, beyond two seconds of it, whatever else one might choose."""
    made = plan((side, side), 2, grey, dtype="uint8", measure=False)
    wide, slow = dataclasses.replace(made, halo=65), cost(times=((1024, 0.01 * slowness),))
    chosen = burden(with_tile(wide, slow, PLENTY), slow)
    for tile in (64, 80, 100, 128, 150, 200, 250, 300, 400, 512, 800):
        assert chosen < 1.2 * burden(dataclasses.replace(wide, tile=(min(tile, side),) * 2), slow)


def burden(plan, cost):
    silence = cost.seconds(plan.window[0] * plan.window[1])
    return plan.n_tiles * silence * max(1, silence / 2) ** 0.5


def test_eight_runs_of_an_ensemble_are_one_silence(grey):
    made = plan((2000, 2000), 2, grey, dtype="uint8", measure=False)
    each, eight = cost(times=((1024, 0.02),)), cost(times=((1024, 0.16),))
    ensemble = dataclasses.replace(made, ensemble=True)
    assert with_tile(ensemble, each, PLENTY).tile == with_tile(made, eight, PLENTY).tile
    assert with_tile(ensemble, each, PLENTY).tile < with_tile(made, each, PLENTY).tile


def test_no_candidate_fits_then_the_least_window_is_taken(grey):
    made = plan((200, 200), 2, grey, dtype="uint8", measure=False)
    wide = dataclasses.replace(made, halo=65)
    # Two tiles a side have a halo at one end; of four, those in the middle have two.
    assert with_tile(wide, cost(), 1).window == (165, 165)


def test_two_tiles_a_side_need_one_halo(grey):
    made = plan((512, 512), 2, grey, dtype="uint8", tile=256, measure=False)
    assert dataclasses.replace(made, halo=65).window == (256 + 65, 256 + 65)


def test_tiles_fit_into_their_share_of_memory(grey):
    large = plan((4000, 4000), 2, grey, dtype="uint8", measure=False)
    chosen = with_tile(large, cost(), 2_000_000)
    assert chosen.tile == (125, 125)
    assert chosen.window[0] ** 2 * 100 <= 2_000_000


def test_what_the_output_takes_is_not_given_to_tiles_unless_it_is_lazy(grey, monkeypatch):
    large = plan((4000, 4000), 2, grey, dtype="uint8", measure=False)
    monkeypatch.setattr(
        "napari_sr.inference._choose.free_memory", lambda _: large.bytes_out + 50_000_000
    )
    assert tile_budget(large, lazy=False) == 25_000_000
    assert tile_budget(large, lazy=True) == (large.bytes_out + 50_000_000) / 2
    monkeypatch.setattr("napari_sr.inference._choose.free_memory", lambda _: 1_000_000)
    assert tile_budget(large, lazy=False) > 0


def test_blocks_of_a_lazy_image_need_little_however_much_is_free(grey, monkeypatch):
    monkeypatch.setattr("napari_sr.inference._choose.free_memory", lambda _: 2**40)
    large = plan((20000, 20000), 2, grey, dtype="uint8", measure=False)
    assert tile_budget(large, lazy=True) == 2**30
    assert tile_budget(large, lazy=False) > 2**38


def test_small_frames_run_in_batches(grey):
    stack = plan((100, 32, 32), 2, grey, dtype="uint8", measure=False)
    tiled = with_tile(stack, cost(), PLENTY)
    assert with_batch(tiled, cost(), PLENTY).batch == 64
    assert with_batch(tiled, cost(), 1_000_000).batch < 10
    few = plan((5, 32, 32), 2, grey, dtype="uint8", measure=False)
    assert with_batch(few, cost(), PLENTY).batch == 5


class Hungry(Plain):
    """Has no memory for more than so many pixels."""

    most = 0

    def forward(self, x):
        if x.shape[-1] * x.shape[-2] > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


@pytest.mark.parametrize(("side", "known"), [(30, False), (50, True)])
def test_where_a_probe_has_no_memory_the_run_goes_on_with_smaller_tiles(side, known):
    network = Hungry(2)
    network.most = 200**2
    model = make_model({2: network})
    model.halo(2)
    network.most = side**2
    image = np.random.default_rng(0).random((64, 60))
    made = plan(image, 2, model)
    assert (made.seconds is not None) == known
    expected = upscale(image, 2, make_model({2: Plain(2)}), tile=None)
    np.testing.assert_allclose(drained(run(made, image)), expected, atol=1e-5)


def drained(steps):
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_the_cost_is_kept(grey):
    made = plan(IMAGE, 2, grey)
    assert measured_cost(made) is measured_cost(made)


@pytest.mark.parametrize(
    ("scale", "native", "passes"),
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
def test_the_fewest_sufficient_native_scales_are_run(scale, native, passes):
    assert choose_passes(scale, native) == passes


def drafts(dtype="uint8", safe=True):
    model = make_model({2: Plain(2)}, bfloat16_safe=safe)
    return plan((40, 40), 2, model, dtype=dtype, device="cpu", measure=False)


def test_low_precision_is_chosen_only_where_it_is_safe_and_faster():
    def learn(times):
        return lambda made: cost(times=((1024, times[made.precision]),))

    faster = learn({"float32": 1.0, "bfloat16": 0.5})
    assert prefers_bfloat16(drafts(), faster)
    assert not prefers_bfloat16(drafts(dtype="uint16"), faster)
    assert not prefers_bfloat16(drafts(safe=False), faster)
    assert not prefers_bfloat16(drafts(), learn({"float32": 1.0, "bfloat16": 0.9}))
    assert not prefers_bfloat16(drafts(), lambda _: None)


def test_precision_is_checked():
    assert resolve_precision("auto", "cpu") == "float32"
    assert resolve_precision("BFloat16", "cpu") == "bfloat16"
    with pytest.raises(DeviceError):
        resolve_precision("int8", "cpu")


def test_numbers_are_written_for_people():
    assert [format_bytes(n) for n in (12, 2048, 5 * 2**30)] == ["12 B", "2.0 KiB", "5.0 GiB"]
    durations = [format_seconds(s) for s in (0.01, 9.5, 41.3, 300, 4800)]
    assert durations == [
        "0.1 s",
        "9.5 s",
        "41 s",
        "5 min",
        "1 h 20 min",
    ]
