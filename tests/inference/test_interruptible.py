"""A run can be stopped within a tile."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from napari_sr.errors import CancelledError
from napari_sr.inference import Interruptible, execute, plan, upscale

from .conftest import make_model

IMAGE = np.random.default_rng(0).random((40, 40))


class Counted(nn.Module):
    """A hundred layers, each of which reports its number."""

    scale = 2
    in_channels = 1

    def __init__(self, report):
        super().__init__()
        self._report = report
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        for number in range(100):
            x = self.layer(x)
            self._report(number)
        return nn.functional.interpolate(x, scale_factor=2)


def test_run_is_stopped_within_its_tile():
    numbers = []
    model = make_model({2: Counted(numbers.append)})
    made = plan(IMAGE, 2, model, tile=None, measure=False)
    numbers.clear()
    with pytest.raises(CancelledError), Interruptible(lambda: 30 in numbers):
        list(execute(made, IMAGE))
    assert numbers == list(range(31))


def test_other_threads_and_later_runs_are_not_stopped():
    model = make_model({2: Counted(lambda _: None)})
    expected = upscale(IMAGE, 2, model)
    results = []
    with Interruptible(lambda: True):
        other = threading.Thread(target=lambda: results.append(upscale(IMAGE, 2, model)))
        other.start()
        other.join()
        with pytest.raises(CancelledError):
            torch.zeros(1).add(1)
    for result in (*results, upscale(IMAGE, 2, model)):
        np.testing.assert_array_equal(result, expected)
    assert len(results) == 1
