"""Speed: what is reported is what ran."""

from __future__ import annotations

import time

import pytest

from napari_sr.errors import InputError
from napari_sr.evaluation import Speed, benchmark


def test_seconds_are_those_of_the_runs():
    """Warm-up and repeats together last as long as the call; the median is not more than all."""
    started = time.perf_counter()
    speed = benchmark("bicubic", 2, size=64, rgb=False, device="cpu", repeats=3)
    assert 0 < speed.seconds < time.perf_counter() - started
    assert (speed.model, speed.device, speed.shape, speed.repeats) == (
        "bicubic",
        "cpu",
        (64, 64),
        3,
    )


def test_a_megapixel_is_a_million_input_pixels():
    speed = Speed("m", 4, "cpu", "float32", (500, 400, 3), seconds=0.5, repeats=1)
    assert speed.seconds_per_megapixel == pytest.approx(2.5)
    assert speed.to_dict()["seconds_per_megapixel"] == pytest.approx(2.5)


@pytest.mark.parametrize("option", [{"size": 0}, {"repeats": 0}])
def test_nothing_to_measure(option):
    with pytest.raises(InputError, match="at least 1"):
        benchmark("bicubic", 2, **option)
