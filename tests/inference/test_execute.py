"""A plan is executed as a generator that returns the result, and that continues where memory runs out."""

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sr.errors import DeviceError, InputError, OutputTooLargeError
from napari_sr.inference import Progress, UpscaleResult, _execute, execute, plan, upscale
from napari_sr.inference._tiles import ImageStack

from .conftest import Limited, Plain, collect, make_model

IMAGE = np.random.default_rng(0).random((60, 70))


def test_plan_is_executed_only_on_the_image_that_it_was_made_for(grey):
    made = plan(IMAGE, 2, grey)
    with pytest.raises(InputError, match="the plan is for float64"):
        next(execute(made, IMAGE[1:]))
    with pytest.raises(InputError, match=r"not float32 \(60, 70\)"):
        next(execute(made, IMAGE.astype(np.float32)))


def test_result_holds_image_plan_and_report(grey):
    made = plan(IMAGE, 2, grey)
    result, _ = collect(execute(made, IMAGE))
    assert isinstance(result, UpscaleResult)
    np.testing.assert_array_equal(result.image, upscale(IMAGE, 2, grey))
    assert result.plan is made
    assert result.report.plan is made
    assert result.deviation is None
    assert result.report.complete


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
def test_oom_halves_tiles_and_reports_each_step_once(limited, error):
    expected = upscale(IMAGE, 2, make_model({2: Plain(2)}))
    made = plan(IMAGE, 2, limited, tile=None)
    Limited.limit, Limited.error = 900, error
    result, steps = collect(execute(made, IMAGE))
    np.testing.assert_allclose(result.image, expected, atol=5e-6)
    assert steps[-1].done == steps[-1].total > 1
    messages = result.report.messages
    assert len(messages) == len(set(messages)) > 1
    assert all("memory ran out with tiles of" in message for message in messages)


def test_progress_tells_messages_as_soon_as_they_are_known(limited):
    made = plan(IMAGE, 2, limited, tile=None)
    Limited.limit = 900
    result, steps = collect(execute(made, IMAGE))
    assert steps[0] == Progress(0, 1)
    assert steps[1].messages  # with the first tile, and not at the end
    assert all(
        later.messages[: len(earlier.messages)] == earlier.messages
        for earlier, later in itertools.pairwise(steps)
    )
    assert steps[-1].messages == result.report.messages


def test_oom_does_not_repeat_finished_tiles(limited, monkeypatch):
    written = []
    original = ImageStack.write

    def write(self, frame, y, x, values):
        written.append((y, x))
        original(self, frame, y, x, values)
        if len(written) == 3:
            Limited.limit = 600

    monkeypatch.setattr(ImageStack, "write", write)
    collect(execute(plan(IMAGE, 2, limited, tile=20), IMAGE))
    pixels = sum((y.stop - y.start) * (x.stop - x.start) for y, x in written)
    assert pixels == 120 * 140


def test_oom_with_the_smallest_tiles_is_an_error(limited):
    made = plan(IMAGE, 2, limited, tile=None)
    Limited.limit = 1
    with pytest.raises(DeviceError, match="too little memory"):
        collect(execute(made, IMAGE))


def test_other_errors_are_raised(limited):
    made = plan(IMAGE, 2, limited, tile=None)
    Limited.limit, Limited.error = 900, RuntimeError("broken kernel")
    with pytest.raises(RuntimeError, match="broken"):
        collect(execute(made, IMAGE))


class Overflowing(Plain):
    """Overflows in low precision in bright places."""

    def forward(self, x):
        y = super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            y[x.amax(dim=(1, 2, 3)) > 0.999] = torch.inf
        return y


def test_tiles_that_overflow_are_repeated_in_float32():
    model = make_model({2: Overflowing(2)})
    made = plan(IMAGE, 2, model, precision="bfloat16", tile=30)
    result, steps = collect(execute(made, IMAGE))
    low, full = result.image, upscale(IMAGE, 2, make_model({2: Plain(2)}))
    assert np.isfinite(low).all()
    np.testing.assert_allclose(low, full, atol=0.1)
    bright = np.unravel_index(IMAGE.argmax(), IMAGE.shape)
    spot = tuple(slice(2 * i, 2 * i + 2) for i in bright)
    np.testing.assert_allclose(low[spot], full[spot], atol=5e-6)
    assert 1 <= result.report.facts.float32_repeats < made.n_tiles
    assert [text for text in result.report.messages if "repeated in float32" in text]
    assert steps[-1].messages == result.report.messages


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_is_close(precision):
    model = make_model({2: Plain(2)})
    close = upscale(IMAGE, 2, model, precision=precision)
    full = upscale(IMAGE, 2, model)
    assert 0 < np.abs(close - full).max() < 0.05


def test_closing_the_generator_stops_the_run():
    made = plan(IMAGE, 2, make_model({2: Plain(2)}), tile=10)
    steps = execute(replace(made, batch=4), IMAGE)
    next(steps)
    assert (next(steps).done, made.n_tiles) == (4, 42)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_torch_settings_are_unchanged_between_steps():
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    for _ in execute(plan(IMAGE, 2, make_model({2: Plain(2)}), tile=30), IMAGE):
        assert not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")
        assert before == (
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
        )


def test_network_of_the_model_is_not_changed():
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


@pytest.mark.parametrize(
    ("dtype", "options", "times_as_large"),
    [
        (np.uint8, {"uncertainty": True}, 5),  # the deviation is float32
        (np.float64, {"uncertainty": True}, 2),
        (np.uint8, {"isotropic": True, "z_spacing": 2.0}, 8),  # two volumes of float32
    ],
)
def test_memory_guard_counts_all_that_is_held(grey, monkeypatch, dtype, options, times_as_large):
    stack = np.zeros((20, 30, 40), dtype)
    made = plan(stack, 2, grey, measure=False, **options)
    needed = times_as_large * made.bytes_out
    monkeypatch.setattr(_execute, "free_memory", lambda device: 1.05 * needed)
    with pytest.raises(OutputTooLargeError, match=r"pass a dask or zarr array"):
        next(execute(made, stack))
    monkeypatch.setattr(_execute, "free_memory", lambda device: 1.5 * needed)
    assert next(execute(made, stack)).done == 0
