"""Runs go on where memory runs out or low precision overflows, and stop when they are told to."""

import logging
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sr.errors import DeviceError
from napari_sr.inference import plan, run, upscale

from .conftest import Plain, make_model

IMAGE = np.random.default_rng(0).random((60, 70))


class Hungry(Plain):
    """Runs out of memory above so many pixels."""

    limit = 10**9
    error = torch.OutOfMemoryError("CUDA out of memory")

    def forward(self, x):
        if x.shape[0] * x.shape[2] * x.shape[3] > self.limit:
            raise self.error
        return super().forward(x)


def hungry(limit, error=None):
    network = Hungry(2)
    model = make_model({2: network})
    model.halo(2)
    made = plan(IMAGE, 2, model, tile=None)  # while there is plenty
    network.limit = limit
    if error is not None:
        network.error = error
    # The engine runs a copy of the network, made when it was measured.
    Hungry.limit = limit
    Hungry.error = network.error
    return made


@pytest.fixture(autouse=True)
def plenty():
    yield
    Hungry.limit, Hungry.error = 10**9, torch.OutOfMemoryError("CUDA out of memory")


def finish(steps):
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_where_memory_runs_out_tiles_are_halved_and_it_is_said_once_each(caplog, error):
    expected = upscale(IMAGE, 2, make_model({2: Plain(2)}))
    made = hungry(900, error)
    with caplog.at_level(logging.WARNING, "napari_sr"):
        result, seen = finish(run(made, IMAGE))
    np.testing.assert_allclose(result, expected, atol=5e-6)
    assert seen[-1].done == seen[-1].total > 1
    said = [record.message for record in caplog.records]
    assert said
    assert len(set(said)) == len(said)


def test_what_is_done_is_not_done_again(monkeypatch):
    made = hungry(10**9)
    written = []
    from napari_sr.inference import _frames

    original = _frames.Frames.write

    def write(self, frame, y, x, values):
        written.append((y, x))
        original(self, frame, y, x, values)
        if len(written) == 3:
            Hungry.limit = 600

    monkeypatch.setattr(_frames.Frames, "write", write)
    finish(run(plan(IMAGE, 2, made.model, tile=20), IMAGE))
    pixels = sum((y.stop - y.start) * (x.stop - x.start) for y, x in written)
    assert pixels == 120 * 140


def test_where_nothing_helps_it_is_said():
    with pytest.raises(DeviceError, match="too little memory"):
        finish(run(hungry(1), IMAGE))


def test_other_failures_are_not_hidden():
    with pytest.raises(RuntimeError, match="broken"):
        finish(run(hungry(900, RuntimeError("broken kernel")), IMAGE))


class Overflowing(Plain):
    """Overflows in low precision in bright places."""

    def forward(self, x):
        y = super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            y[x.amax(dim=(1, 2, 3)) > 0.999] = torch.inf
        return y


def test_tiles_that_overflow_are_computed_again_in_float32(caplog):
    with caplog.at_level(logging.WARNING, "napari_sr"):
        low = upscale(IMAGE, 2, make_model({2: Overflowing(2)}), precision="bfloat16", tile=30)
    full = upscale(IMAGE, 2, make_model({2: Plain(2)}))
    assert np.isfinite(low).all()
    np.testing.assert_allclose(low, full, atol=0.1)
    bright = np.unravel_index(IMAGE.argmax(), IMAGE.shape)
    spot = tuple(slice(2 * i, 2 * i + 2) for i in bright)
    np.testing.assert_allclose(low[spot], full[spot], atol=5e-6)
    assert [record.message for record in caplog.records if "again in float32" in record.message]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_is_close(precision):
    model = make_model({2: Plain(2)})
    close = upscale(IMAGE, 2, model, precision=precision)
    full = upscale(IMAGE, 2, model)
    assert 0 < np.abs(close - full).max() < 0.05


def test_closing_stops_the_run():
    made = plan(IMAGE, 2, make_model({2: Plain(2)}), tile=10)
    steps = run(replace(made, batch=4), IMAGE)
    next(steps)
    assert (next(steps).done, made.n_tiles) == (4, 42)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_torch_is_left_as_it_was_between_steps():
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    for _ in run(plan(IMAGE, 2, make_model({2: Plain(2)}), tile=30), IMAGE):
        assert not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")
        assert before == (
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
        )


def test_the_models_own_network_is_left_as_it_was():
    network = Plain(2)
    before = {name: (value.clone(), value.stride()) for name, value in network.state_dict().items()}
    upscale(IMAGE, 2, make_model({2: network}), precision="bfloat16")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name][0], rtol=0, atol=0)
        assert value.stride() == before[name][1]
        assert value.dtype == torch.float32


def test_threads_do_not_disturb_each_other(grey):
    images = [IMAGE * (i + 1) for i in range(4)]
    expected = [upscale(image, 2, grey, tile=25) for image in images]
    results = [None] * len(images)

    def work(i):
        results[i] = upscale(images[i], 2, grey, tile=25)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(results, expected, atol=1e-4)
