"""A program from a file costs its own process at most: endless loops, gigabytes and crashes become one line."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from napari_sr import upscale
from napari_sr.errors import (
    ModelLoadError,
    NapariSRError,
    ProgramError,
    ProgramLimitError,
    ProgramMemoryError,
)
from napari_sr.models import _sandbox, load_model
from tests.models import hostile
from tests.models.test_external import graph
from tests.models.test_hostile_graphs import UP, model, saved
from tests.models.test_hostile_programs import refused, written

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit of Linux")
PARENT_GROWTH = 300 * 2**20
"""Bytes by which this process may grow while a program takes gigabytes."""


@pytest.fixture
def impatient(monkeypatch):
    """Little time, so that the tests need little."""
    monkeypatch.setattr(_sandbox, "LEAST_SECONDS", 3)


def process_of(network):
    """Where a program runs."""
    return psutil.Process(network.program._processes["cpu"]._child.pid)


def endless():
    """An ONNX graph with a loop that never ends."""
    inputs = [
        ("i", TensorProto.INT64, []),
        ("c", TensorProto.BOOL, []),
        ("v", TensorProto.FLOAT, None),
    ]
    outputs = [("co", TensorProto.BOOL, []), ("vo", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["co"]), helper.make_node("Identity", ["v"], ["vo"])],
        "b",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
    )
    true = numpy_helper.from_array(np.array(True), "true")
    return model([UP, helper.make_node("Loop", ["", "true", "u"], ["y"], body=body)], [true])


def scaling(factor):
    """An ONNX graph that enlarges by any factor."""
    scales = numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), "large")
    return model([helper.make_node("Resize", ["x", "", "large"], ["y"], mode="nearest")], [scales])


def growing(threshold):
    """An ONNX graph that does what it should for small images, and never ends for larger ones."""
    shape = helper.make_node("Shape", ["x"], ["n"], start=3, end=4)
    limit = numpy_helper.from_array(np.array([threshold]), "limit")
    more = helper.make_node("Greater", ["n", "limit"], ["m"])
    flat = helper.make_node("Squeeze", ["m"], ["c"])
    built = endless()
    (loop,) = [node for node in built.graph.node if node.op_type == "Loop"]
    loop.input[1] = "c"
    nodes = [shape, more, flat, *built.graph.node]
    return model(nodes, [limit])


class TestLimits:
    @pytest.mark.parametrize("kind", ["torchscript", "onnx"])
    def test_a_program_without_end_is_stopped(self, kind, tmp_path, impatient):
        if kind == "onnx":
            path = saved(tmp_path / "endless.onnx", endless())
        else:
            body = f"n = torch.zeros(1)\nwhile bool(n < 1):\n  n = n * n\n{hostile.ENLARGE}"
            path = written(tmp_path / "endless.pt", hostile.script(body))
        before = psutil.Process().children()
        refused(
            path, r"took more than 3\.0 s for an image of 64 x 96", kind=ProgramLimitError,
            trust_program=True,
        )  # fmt: skip
        assert set(psutil.Process().children()) <= set(before)

    @pytest.mark.parametrize("kind", ["torchscript", "onnx"])
    def test_gigabytes_are_refused(self, kind, tmp_path):
        before = psutil.Process().memory_info().rss
        if kind == "onnx":
            path = saved(tmp_path / "large.onnx", scaling(2000))
        else:
            body = f"y = torch.ones(1500000000)\n{hostile.ENLARGE} + y[0] * 0"
            path = written(tmp_path / "large.pt", hostile.script(body))
        refused(
            path, r"needs more than .* GiB for an image of 64 x 96", kind=ProgramMemoryError,
            trust_program=True,
        )  # fmt: skip
        assert psutil.Process().memory_info().rss - before < PARENT_GROWTH

    def test_memory_is_watched_where_the_system_does_not_limit_it(self, tmp_path, monkeypatch):
        """Without the limit of Linux, as on macOS and Windows."""
        start = _sandbox._START.replace(
            "main()", "import napari_sr.models._sandbox_child as c; c._Memory.limit = lambda *_: None; main()"
        )  # fmt: skip
        monkeypatch.setattr(_sandbox, "_START", start)
        monkeypatch.setattr(_sandbox, "RUN_MEMORY", 2**28)
        path = saved(tmp_path / "large.onnx", scaling(300))
        refused(path, "needs more than", kind=ProgramMemoryError, trust_program=True)

    def test_a_result_much_larger_than_an_image_is_not_taken(self, tmp_path):
        path = saved(tmp_path / "large.onnx", scaling(40))
        refused(path, r"gives \(1, 1, 2560, 3840\) for \(1, 1, 64, 96\)", trust_program=True)

    def test_all_tests_of_a_program_together_are_limited(self, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_sr.models._external.PROBE_SECONDS", 0.0)
        path = saved(tmp_path / "slow.onnx", endless())
        refused(path, r"took more than 0\.1 s", kind=ProgramLimitError, trust_program=True)

    def test_a_tile_that_does_not_end_stops_the_run(self, tmp_path, impatient):
        """Also in the middle of a run, after the tests of the program went well."""
        path = saved(tmp_path / "later.onnx", growing(800))
        loaded = load_model(path, value_range=1, trust_program=True)
        image = np.zeros((20, 900), np.float32)
        assert upscale(image[:, :100], 2, loaded).shape == (40, 200)
        started = time.monotonic()
        with pytest.raises(NapariSRError, match=r"later\.onnx: took more than") as caught:
            upscale(image, 2, loaded, tile=None)
        assert "\n" not in str(caught.value)
        assert time.monotonic() - started < 60
        # the model can be used again
        assert upscale(image[:, :100], 2, loaded).shape == (40, 200)

    def test_a_large_tile_may_take_longer_than_a_small_one(self, tmp_path):
        loaded = load_model(graph(tmp_path / "a.onnx"), value_range=1, trust_program=True)
        program = loaded.network(3).program
        program._pace = 1e-3
        asked = []
        real = _sandbox._Process.ask

        def ask(self, request, data, seconds, memory, most):
            asked.append(seconds)
            return real(self, request, data, seconds, memory, most)

        program._processes["cpu"].ask = ask.__get__(program._processes["cpu"])
        for side in (8, 100, 2000):
            program(torch.rand(1, 3, side, 8))
        assert asked == [_sandbox.LEAST_SECONDS, pytest.approx(20 * 2.4), 20 * 48]


class TestFailures:
    def test_a_result_of_the_wrong_shape_is_an_error_in_one_line(self, tmp_path):
        body = f"y = {hostile.ENLARGE.removeprefix('return ')}\nif x.shape[3] == 33:\n  y = y[:, :, :3]\nreturn y"
        path = written(tmp_path / "bomb.pt", hostile.script(body))
        loaded = load_model(path, value_range=1, color="RGB", trust_program=True)
        x = torch.rand(1, 3, 8, 33)
        with pytest.raises(ProgramError, match=r"gives \(1, 3, 3, 66\)"):
            loaded.network(2)(x)

    def test_a_process_that_was_ended_is_started_again(self, tmp_path):
        loaded = load_model(graph(tmp_path / "a.onnx"), value_range=1, trust_program=True)
        network = loaded.network(3)
        x = torch.rand(1, 3, 5, 6)
        before = network(x)
        child = process_of(network)
        child.kill()
        child.wait()
        assert torch.equal(network(x), before)

    def test_a_process_that_ends_in_the_middle_is_one_line(self, tmp_path):
        loaded = load_model(
            saved(tmp_path / "a.onnx", growing(800)), value_range=1, trust_program=True
        )
        child = process_of(loaded.network(2))
        threading.Timer(1, child.kill).start()
        with pytest.raises(ProgramLimitError, match="ended unexpectedly"):
            loaded.network(2)(torch.rand(1, 1, 8, 900))

    def test_a_file_that_changed_is_not_opened_again(self, tmp_path):
        path = graph(tmp_path / "a.onnx")
        network = load_model(path, value_range=1, trust_program=True).network(3)
        sent = pickle.dumps(network)
        path.write_bytes(path.read_bytes() + b"\x42\0")
        with pytest.raises(ModelLoadError, match="changed"):
            pickle.loads(sent)

    def test_a_process_that_cannot_be_started_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
        refused(graph(tmp_path / "a.onnx"), "no process can be started", trust_program=True)


class TestProcess:
    def test_processes_end_with_their_models(self, tmp_path):
        loaded = load_model(graph(tmp_path / "a.onnx"), value_range=1, trust_program=True)
        child = process_of(loaded.network(3))
        del loaded
        child.wait(10)

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
    @pytest.mark.parametrize("busy", [False, True])
    def test_processes_end_with_the_one_that_started_them(self, busy, tmp_path, monkeypatch):
        """Also if that was killed, and even if the program never ends."""
        path = saved(tmp_path / "a.onnx", growing(800))
        code = (
            "import psutil, sys, torch\n"
            "from napari_sr.models import load_model, _sandbox, _sandbox_child\n"
            "_sandbox._START = _sandbox._START.replace('main()', "
            "'import napari_sr.models._sandbox_child as c; c._GRACE = 0; main()')\n"
            "_sandbox.LEAST_SECONDS = 3\n"
            "loaded = load_model(sys.argv[1], value_range=1, trust_program=True)\n"
            "print(psutil.Process().children()[0].pid, flush=True)\n"
            f"loaded.network(2)(torch.rand(1, 1, 8, {900 if busy else 8}))\n"
            "input()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with parent:
            child = psutil.Process(int(parent.stdout.readline()))
            time.sleep(1)
            parent.kill()
        child.wait(20)

    def test_what_a_program_prints_goes_nowhere(self, tmp_path, capfd):
        body = 'torch.warn("\\x1b[31mwarned")\n' + hostile.ENLARGE
        source = hostile.own_class(body)
        path = written(tmp_path / "loud.pt", hostile.with_source(source))
        loaded = load_model(path, value_range=1, trust_program=True)
        loaded.network(2)(torch.rand(1, 3, 4, 4))
        out, error = capfd.readouterr()
        assert "warned" not in out + error

    def test_the_folder_in_which_one_works_is_not_imported_from(self, tmp_path, monkeypatch):
        """A file torch.py or json.py beside a model would else be run."""
        path = graph(tmp_path / "a.onnx")
        for name in ("torch", "json", "onnx", "numpy"):
            (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
        monkeypatch.chdir(tmp_path)
        assert load_model(path, value_range=1, trust_program=True).network(3)
        assert not (tmp_path / "canary").exists()

    @LINUX
    @pytest.mark.parametrize("kind", ["torchscript", "onnx"])
    def test_no_file_can_be_opened_or_written_where_a_program_runs(self, kind, tmp_path):
        """Even if an operator that does so were allowed by mistake."""
        if kind == "onnx":
            path = graph(tmp_path / "a.onnx")
        else:
            path = written(tmp_path / "a.pt", hostile.script(hostile.ENLARGE))
        loaded = load_model(path, value_range=1, trust_program=True)
        child = process_of(loaded.network(loaded.scales[0]))
        text = Path(f"/proc/{child.pid}/limits").read_text()
        for name in ("Max open files", "Max file size", "Max core file size"):
            (line,) = [each for each in text.splitlines() if each.startswith(name)]
            assert line.removeprefix(name).split()[:2] == ["0", "0"]

    def test_threads_may_share_a_program(self, tmp_path):
        network = load_model(graph(tmp_path / "a.onnx"), value_range=1, trust_program=True).network(
            3
        )
        images = [torch.rand(1, 3, 8, 8 + i) for i in range(12)]
        expected, found = [network(x) for x in images], [None] * len(images)

        def run(i):
            found[i] = network(images[i])

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(images))]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))

    def test_a_user_script_needs_no_guard(self, tmp_path):
        """The script is not imported again, as multiprocessing would."""
        path = graph(tmp_path / "a.onnx")
        script = tmp_path / "script.py"
        script.write_text(
            "import sys\nfrom napari_sr.models import load_model\nprint('once')\n"
            "print(load_model(sys.argv[1], value_range=1, trust_program=True).scales)\n"
        )
        done = subprocess.run(
            [sys.executable, script, path], capture_output=True, text=True, check=True,
            env={**os.environ, "NAPARI_SR_HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.stdout.split() == ["once", "(3,)"]
