"""The speed that is reported is that of the runs."""

from __future__ import annotations

import time

import pytest

from napari_sr.errors import InputError
from napari_sr.evaluation import Speed, benchmark


def test_seconds_are_the_median_of_the_runs():
    """Warm-up and repeats together take no longer than the call."""
    started = time.perf_counter()
    speed = benchmark("bicubic", 2, size=64, rgb=False, device="cpu", repeats=3)
    assert 0 < speed.seconds < time.perf_counter() - started
    assert (speed.model, speed.device, speed.shape, speed.repeats) == (
        "bicubic",
        "cpu",
        (64, 64),
        3,
    )


def test_megapixel_is_a_million_input_pixels():
    speed = Speed("m", 4, "cpu", "float32", (500, 400, 3), seconds=0.5, repeats=1)
    assert speed.seconds_per_megapixel == pytest.approx(2.5)
    assert speed.to_dict()["seconds_per_megapixel"] == pytest.approx(2.5)


@pytest.mark.parametrize("option", [{"size": 0}, {"repeats": 0}])
def test_empty_measurement_is_refused(option):
    with pytest.raises(InputError, match="at least 1"):
        benchmark("bicubic", 2, **option)


def test_options_are_those_of_upscale():
    speed = benchmark("bicubic", 2, size=32, precision="bf16", device="CPU", tile=16, repeats=1)
    assert (speed.precision, speed.device, speed.shape) == ("bfloat16", "cpu", (32, 32, 3))
    with pytest.raises(InputError, match="have no Z"):
        benchmark("bicubic", 2, size=32, isotropic=True, z_spacing=2, repeats=1)
    with pytest.raises(TypeError, match="halo"):
        benchmark("bicubic", 2, size=32, halo=3)
