"""Memory and arithmetic are counted, so that they are the same at every time; speed is measured."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from napari_sr.inference import PeakTracker, execute, plan
from napari_sr.inference._cost import window_cost

from .conftest import Limited, Plain, collect, make_model

IMAGE = np.zeros((512, 512), np.uint8)


class Recorded(Plain):
    """Notes the shape of each image that has pixels, and not only a shape."""

    def __init__(self, calls, **keywords):
        super().__init__(**keywords)
        self._calls = calls

    def __deepcopy__(self, memo):
        copied = Recorded(self._calls, kernels=tuple(layer.kernel_size[0] for layer in self.layers))
        copied.load_state_dict(self.state_dict())
        return copied

    def forward(self, x):
        if not x.is_meta:
            self._calls.append(tuple(x.shape[-2:]))
        return super().forward(x)


def test_speed_is_measured_only_if_asked_for():
    calls = []
    model = make_model({2: Recorded(calls)})
    model.halo(2)
    calls.clear()
    assert plan(IMAGE, 2, model, measure=False).seconds is None
    assert set(calls) <= {(1, 1)}  # whether it runs on a single pixel
    measured = plan(IMAGE, 2, model)
    assert measured.seconds > 0
    assert max(calls) > (1, 1)
    calls.clear()
    assert plan(IMAGE, 2, model, measure=False) == measured
    assert not calls


def test_measuring_is_quick():
    model = make_model({2: Plain(2, kernels=(3,) * 8)})
    model.halo(2)
    started = time.thread_time()
    plan(IMAGE, 2, model)
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(("limit", "known"), [(30, False), (50, True)])
def test_speed_is_unknown_where_the_test_image_needs_too_much_memory(limited, limit, known):
    Limited.limit = limit**2
    assert (plan(IMAGE, 2, limited).seconds is not None) == known


def test_speed_of_expensive_networks_is_not_measured_before_a_run():
    calls = []

    class Expensive(Plain):
        """Millions of multiply-adds for a pixel, which would take seconds on the test image."""

        def forward(self, x):
            if not x.is_meta:
                calls.append(x.shape)
                return super().forward(x)
            for _ in range(30):
                hidden = nn.functional.conv2d(x.expand(-1, 256, -1, -1), self.kernel, padding=1)
            return super().forward(x + hidden[:, :1])

    network = Expensive()
    network.kernel = nn.Parameter(torch.zeros(256, 256, 3, 3))
    model = make_model({2: network})
    plan(IMAGE, 2, model, tile=64, measure=False)
    calls.clear()
    made = plan(IMAGE, 2, model, tile=64)
    assert made.seconds is None
    assert made.memory > 256 * 64**2 * 4
    assert not calls


def test_estimated_memory_is_close_to_what_a_run_takes():
    model = make_model({2: Plain(2, kernels=(3,) * 4)})
    made = plan(IMAGE, 2, model, tile=200)
    with PeakTracker() as tracker:
        collect(execute(made, IMAGE))
    assert made.memory == pytest.approx(tracker.peak, rel=0.3)


def test_multiply_adds_are_those_of_the_convolutions():
    """Two networks that differ by a known number of them, and by no tensor that is alive at the peak."""
    few, many = (
        window_cost(plan(IMAGE, 2, make_model({2: network}), measure=False))
        for network in (Plain(2, kernels=(3, 1, 3)), Plain(2, kernels=(3, 3, 3)))
    )
    assert many.macs_per_pixel - few.macs_per_pixel == pytest.approx(6 * 6 * 8)
    assert many.bytes_per_pixel == few.bytes_per_pixel


def test_memory_grows_with_pixels_from_a_fixed_amount():
    cost = window_cost(plan(IMAGE, 2, make_model({2: Plain(2)}), measure=False))
    assert cost.memory(0) == cost.fixed_bytes
    assert cost.memory(300) - cost.memory(200) == pytest.approx(100 * cost.bytes_per_pixel)


class Program(nn.Module):
    """Like a compiled program, it runs on real tensors only."""

    scale, in_channels = 2, 1

    def forward(self, x):
        if x.is_meta:
            raise NotImplementedError("no kernel for meta tensors")
        return nn.functional.interpolate(x, scale_factor=2)


def test_program_that_cannot_be_counted_is_planned_and_run():
    made = plan(IMAGE, 2, make_model({2: Program()}), tile=64)
    assert made.memory > 64**2 * 4
    result, _ = collect(execute(made, IMAGE))
    assert result.image.shape == (1024, 1024)


def test_peak_tracker_counts_tensors_as_long_as_they_live():
    with PeakTracker() as tracker:
        first = torch.zeros(1000) + 1
        second = first * 2
        del first
        third = second + 1
        assert third is not None
    assert 8000 <= tracker.peak <= 8000 + 4000
