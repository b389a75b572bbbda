"""A tile that nobody waits for any more is not computed to its end."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from napari_sr.errors import CancelledError
from napari_sr.inference import Interruptible, plan, run, upscale

from .conftest import make_model

IMAGE = np.random.default_rng(0).random((40, 40))


class Counted(nn.Module):
    """Layers that count, each of which somebody may hear."""

    scale = 2
    in_channels = 1

    def __init__(self, heard):
        super().__init__()
        self._heard = heard
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        for number in range(100):
            x = self.layer(x)
            self._heard(number)
        return nn.functional.interpolate(x, scale_factor=2)


def test_a_run_ends_within_its_tile():
    numbers = []
    model = make_model({2: Counted(numbers.append)})
    made = plan(IMAGE, 2, model, tile=None, measure=False)
    numbers.clear()
    with pytest.raises(CancelledError), Interruptible(lambda: 30 in numbers):
        list(run(made, IMAGE))
    assert numbers == list(range(31))


def test_afterwards_and_in_other_threads_all_goes_on():
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
