"""Programs from files run in a process of their own, with limits of time and memory.

That process gets the contents of the file and, for each batch of images, their numbers; it gives back numbers. It can
open and write no files once the program is open (on Linux; elsewhere only the checked list of operators keeps it from
that). A program that does not end, takes too much memory, or crashes costs that process and becomes one line.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch import Tensor, nn

from napari_sr._text import format_bytes, format_seconds
from napari_sr.errors import (
    ModelLoadError,
    ModelNotFoundError,
    ProgramError,
    ProgramLimitError,
    ProgramMemoryError,
)
from napari_sr.models._files import LARGEST_FILE
from napari_sr.models._onnx import have_onnx
from napari_sr.models._sandbox_pipe import Pipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_sr.models._files import Kind

__all__ = ["SandboxedProgram", "limited"]

START_SECONDS = 60
"""For starting Python and opening a program. PyTorch alone takes two, and ten where the disk is slow."""
LEAST_SECONDS = 20
"""For a batch of images of any size. The largest published networks need some seconds for the smallest test image."""
MOST_SECONDS = 1800
"""For the largest batch of the slowest network."""
_PATIENCE = 20
"""How much longer than the first image a later one may take, in proportion to its pixels: attention grows with the
square of its window, and other work may slow down the machine."""
OPEN_MEMORY = 2**30
"""Bytes for opening a program, beside ten times the bytes of its file."""
RUN_MEMORY = 2**31
"""Bytes for a batch of images of any size."""
_MEMORY_PER_BYTE = 4000
"""Bytes for each byte of a batch beyond that. A network with 180 channels at four times the height and width, of
which it holds four, takes as much; larger batches are tried again with smaller tiles."""
_SHARE = 0.9
"""Of the memory that is free, what a program may take in any case."""
MOST_SCALE = 32
"""Output pixels per input pixel along an axis that are taken from a program."""
_LOOK = 0.05
"""Seconds between two looks at a running process."""

_START = (
    "import sys; sys.path[:] = {path!r}; from napari_sr.models._sandbox_child import main; main()"
)


class SandboxedProgram(nn.Module):
    """A program from a file that is called like a network, and runs in a process of its own.

    Parameters
    ----------
    path : Path
        The file. It is read again whenever a process must be started.
    kind : {"torchscript", "onnx"}
        What it holds.
    sha256 : str
        Of the file, which must not change.

    Raises
    ------
    ModelNotFoundError, ModelLoadError
        If the file cannot be read, is damaged, or holds a program that is not allowed.
    ProgramLimitError
        If opening it takes too long or too much memory.
    """

    def __init__(self, path: Path, kind: Kind, sha256: str) -> None:
        super().__init__()
        if kind == "onnx" and not have_onnx():
            raise ModelLoadError(
                f"{path.name}: needs ONNX Runtime; run: pip install 'napari-sr[onnx]'"
            )
        self.path, self.kind, self.sha256 = path, kind, sha256
        self._lock = threading.Lock()
        self._processes: dict[str, _Process] = {}
        self._pace: float | None = None
        self._left: float | None = None
        weakref.finalize(self, _close_all, self._processes)
        facts, self.embedded = self._opened("cpu")
        self.metadata = {str(name): str(text) for name, text in facts["metadata"].items()}
        """What the file says about itself."""
        self.parameter_count = int(facts["parameters"])
        """Elements of its weights."""
        self.channels: int | None = facts.get("channels")
        """Channels that its input has, where the file states them."""

    def forward(self, x: Tensor) -> Tensor:
        """Run on the device on which `x` is.

        Raises
        ------
        ProgramError
            If the program fails.
        ProgramMemoryError
            If it needs too much memory.
        ProgramLimitError
            If it takes too long, or its process ends.
        """
        device = str(x.device)
        if self.kind == "onnx":
            device = "cpu"  # wherever the images are
        numbers = x.detach().to("cpu", torch.float32)
        plain = numbers.is_contiguous() or x.dim() != 4
        array = numbers.contiguous().numpy()
        request = {
            "do": "run",
            "shape": list(x.shape),
            "channels_last": not plain and x.is_contiguous(memory_format=torch.channels_last),
            "autocast": _autocast(x.device.type),
            "threads": torch.get_num_threads(),
            "most": array.nbytes * MOST_SCALE**2,
        }
        with self._lock:
            answer, out = self._run(device, request, array)
        shape = answer["shape"]
        if len(out) != 4 * math.prod(shape) or not out:
            raise ProgramError(f"{self.path.name}: gives {tuple(shape)} for {tuple(x.shape)}")
        return torch.frombuffer(out, dtype=torch.float32).reshape(shape).to(x)

    def close(self) -> None:
        """End the processes in which it runs; another one is started if it is called again."""
        _close_all(self._processes)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit the time of all runs in the context together."""
        before, self._left = self._left, seconds
        try:
            yield
        finally:
            self._left = before

    def _run(self, device: str, request: dict[str, Any], array: Any) -> tuple[dict[str, Any], Any]:
        if not self._processes.get(device, _ENDED).alive:
            self._opened(device)
        pixels = math.prod(request["shape"])
        seconds = LEAST_SECONDS if self._pace is None else _PATIENCE * self._pace * pixels
        seconds = min(max(seconds, LEAST_SECONDS), MOST_SECONDS)
        if self._left is not None:
            seconds = max(min(seconds, self._left), 0.1)
        memory = RUN_MEMORY + _MEMORY_PER_BYTE * array.nbytes
        memory = min(memory, int(_SHARE * psutil.virtual_memory().available))
        started = time.monotonic()
        try:
            answer, out = self._processes[device].ask(
                request, array, seconds, memory, request["most"]
            )
        finally:
            took = time.monotonic() - started
            if self._left is not None:
                self._left -= took
        if self._pace is None:
            self._pace = took / pixels
        size = " x ".join(str(side) for side in request["shape"][-2:])
        self._complain(answer, f"an image of {size} pixels", seconds, memory)
        return answer, out

    def _opened(self, device: str) -> tuple[dict[str, Any], bytearray]:
        data = self._contents()
        memory = OPEN_MEMORY + 10 * len(data)
        request = {
            "do": "open",
            "kind": self.kind,
            "device": device,
            "threads": torch.get_num_threads(),
            "folder": str(self.path.parent.resolve()),
        }
        if device in self._processes:
            self._processes[device].close()
        process = self._processes[device] = _Process(self.path.name)
        answer, out = process.ask(request, data, START_SECONDS, memory, LARGEST_FILE)
        if "failed" in answer:
            process.close()
        if answer.get("failed") == "error":
            raise ModelLoadError(f"{self.path.name}: {answer['refused']}")
        self._complain(answer, "opening it", START_SECONDS, memory)
        return answer, out

    def _complain(self, answer: dict[str, Any], what: str, seconds: float, memory: int) -> None:
        name = self.path.name
        match answer.get("failed"):
            case "error":
                raise ProgramError(f"{name}: {answer['why']}")
            case "memory":
                raise ProgramMemoryError(
                    f"{name}: needs more than {format_bytes(memory)} for {what}"
                )
            case "time":
                raise ProgramLimitError(
                    f"{name}: took more than {format_seconds(seconds)} for {what}, and was stopped"
                )
            case "ended":
                raise ProgramLimitError(f"{name}: its process ended unexpectedly during {what}")

    def _contents(self) -> bytes:
        import hashlib

        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise ModelNotFoundError(f"{self.path}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelLoadError(f"{self.path.name}: changed since it was opened first")
        return data

    def __deepcopy__(self, memo: dict[int, Any]) -> SandboxedProgram:
        # it has no state of its own, and may be used by several threads
        return self

    def __reduce__(self) -> tuple[type[SandboxedProgram], tuple[Path, Kind, str]]:
        return SandboxedProgram, (self.path, self.kind, self.sha256)


@contextmanager
def limited(network: nn.Module, seconds: float) -> Iterator[None]:
    """Limit the time that a program may take in all while it is looked into; nothing is limited for other networks."""
    program = getattr(network, "program", None)
    if isinstance(program, SandboxedProgram):
        with program.within(seconds):
            yield
    else:
        yield


def _autocast(device: str) -> str | None:
    """Number format in which operations on a device are run at the moment, if not in that of their inputs."""
    if not torch.is_autocast_enabled(device):
        return None
    return str(torch.get_autocast_dtype(device)).removeprefix("torch.")


class _Process:
    """A running `_sandbox_child`.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    """

    def __init__(self, name: str) -> None:
        # not through multiprocessing: it would import the user's script again, which may not be ready for that
        path = [each for each in sys.path if each]
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-c", _START.format(path=path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise ModelLoadError(
                f"{name}: no process can be started for it ({error.strerror})"
            ) from error
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._pipe = Pipe(self._child.stdout, self._child.stdin)  # type: ignore[arg-type]

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._child.poll() is None

    def ask(
        self, request: dict[str, Any], data: Any, seconds: float, memory: int, most: int
    ) -> tuple[dict[str, Any], bytearray]:
        """Send a request and wait for the answer.

        Returns
        -------
        answer : dict
            With the key ``failed`` if there is none: ``"memory"``, ``"time"``, ``"ended"`` or ``"error"``.
        data : bytearray
            At most `most` bytes.
        """
        done, why = threading.Event(), ["ended"]
        watch = threading.Thread(
            target=self._watch,
            args=(done, why, seconds, memory),
            name="napari-sr program",
            daemon=True,
        )
        watch.start()
        try:
            self._pipe.send({**request, "seconds": seconds, "memory": memory}, data)
            return self._pipe.receive(most)
        except (OSError, EOFError, ValueError, json.JSONDecodeError):
            return {"failed": why[0]}, bytearray()
        finally:
            done.set()
            watch.join()
            if why[0] != "ended":
                self.close()

    def _watch(self, done: threading.Event, why: list[str], seconds: float, memory: int) -> None:
        """End the process when its time is over, or when it has taken too much memory."""
        end = time.monotonic() + seconds
        with suppress(psutil.Error):
            process = psutil.Process(self._child.pid)
            before = process.memory_info().rss
            while not done.wait(_LOOK):
                if time.monotonic() > end:
                    why[0] = "time"
                elif process.memory_info().rss - before > memory:
                    why[0] = "memory"
                else:
                    continue
                self._child.kill()
                return

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.wait()
        for each in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                each.close()  # type: ignore[union-attr]


class _Ended:
    alive = False


_ENDED: Any = _Ended()


def _close_all(processes: dict[str, _Process]) -> None:
    for each in processes.values():
        each.close()
