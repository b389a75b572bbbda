"""The process in which a program from a file runs: the other end of `_sandbox`.

It is given the contents of a file, checks and opens them, and then runs the program on one batch of images after the
other, as long as somebody asks. It imports no more than it needs, so that a program that is refused is refused quickly.
"""

from __future__ import annotations

import faulthandler
import io
import math
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

# all that is needed later, when no file can be opened any more
from napari_sr._text import one_line
from napari_sr.models._archive import Archive
from napari_sr.models._sandbox_pipe import Pipe
from napari_sr.models._script_check import check_source, why_not_opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models._sandbox_pipe import Buffer

    Answer = tuple[dict[str, Any], Buffer]
    Run = Callable[[dict[str, Any], bytearray], Answer]

__all__ = ["main"]

_GRACE = 10
"""Seconds after the end of its time in which a computation ends itself, if the process that should end it is gone."""
_THREAD_BYTES = 2**27
"""Addresses that a thread reserves, for its stack and its part of the heap, most of which it never uses."""


def main() -> None:
    """Serve the process that started this one."""
    memory = _Memory()
    pipe, void = _private_pipe()
    run: Run = _not_open
    while True:
        try:
            request, data = pipe.receive()
        except EOFError:
            return
        out: Buffer = b""
        faulthandler.dump_traceback_later(request["seconds"] + _GRACE, exit=True, file=void)
        try:
            if request["do"] == "open":
                answer, out, run = _open(request, data, memory)
            else:
                memory.limit(request["memory"])
                answer, out = run(request, data)
        except Exception as error:
            answer = _failure(error)
        finally:
            faulthandler.cancel_dump_traceback_later()
        pipe.send(answer, out)


def _private_pipe() -> tuple[Pipe, int]:
    """The pipe to the other process, out of reach of whatever the program prints, and where that goes instead."""
    void = os.open(os.devnull, os.O_RDWR)
    source, sink = os.dup(0), os.dup(1)
    for each in (0, 1, 2):
        os.dup2(void, each)
    if sys.platform == "win32":
        import msvcrt

        for each in (source, sink):
            msvcrt.setmode(each, os.O_BINARY)
    return Pipe(os.fdopen(source, "rb"), os.fdopen(sink, "wb")), void


class _Memory:
    """How much memory this process may take. Only Linux keeps to such limits; elsewhere the other process watches."""

    def __init__(self) -> None:
        self._file = -1
        self._base = 0
        with suppress(OSError):
            self._file = os.open("/proc/self/statm", os.O_RDONLY)

    def settle(self) -> None:
        """Count from what the process has now."""
        if self._file >= 0:
            pages = int(os.pread(self._file, 64, 0).split()[0])
            self._base = pages * os.sysconf("SC_PAGE_SIZE")

    def limit(self, most: int | None) -> None:
        """Let the process take so many bytes more; None: any number."""
        if self._file < 0:
            return
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        spare = _THREAD_BYTES * (os.cpu_count() or 1)
        soft = hard if most is None else self._base + most + spare
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _limit(name: str, value: int) -> None:
    """Set a limit of the operating system, where there is such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if hasattr(resource, name):
        resource.setrlimit(getattr(resource, name), (value, value))


def _not_open(_request: dict[str, Any], _data: bytearray) -> Answer:
    raise RuntimeError("no program is open")


def _failure(error: Exception) -> dict[str, Any]:
    if _is_out_of_memory(error):
        return {"failed": "memory"}
    # PyTorch's messages begin with a traceback in TorchScript
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return {"failed": "error", "why": one_line(last), "refused": why_not_opened(error)}


def _is_out_of_memory(error: Exception) -> bool:
    signs = ("can't allocate memory", "out of memory", "bad_alloc", "Failed to allocate memory")
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in signs)


def _open(
    request: dict[str, Any], data: bytearray, memory: _Memory
) -> tuple[dict[str, Any], Buffer, Run]:
    with suppress(OSError):  # where memory runs out, Linux ends this process before others
        Path("/proc/self/oom_score_adj").write_text("1000")
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 0)
    memory.settle()
    memory.limit(request["memory"])
    opener = _open_onnx if request["kind"] == "onnx" else _open_torchscript
    opened = opener(request, data, memory)
    memory.settle()
    return opened


def _open_torchscript(
    request: dict[str, Any], data: bytearray, memory: _Memory
) -> tuple[dict[str, Any], Buffer, Run]:
    archive = Archive(io.BytesIO(data))
    source = check_source(archive)  # before PyTorch is imported, which takes a second
    memory.limit(None)

    import torch

    from napari_sr.models._torchscript import open_program, read_metadata

    device = torch.device(request["device"])
    _warm_up(request["threads"])
    if device.type == "cpu":
        _limit("RLIMIT_NOFILE", 0)
        memory.settle()
        memory.limit(request["memory"])
    program = open_program(archive, source).to(device)
    count = sum(each.numel() for each in program.parameters())

    def run(asked: dict[str, Any], numbers: bytearray) -> Answer:
        torch.set_num_threads(asked["threads"])
        x = torch.frombuffer(numbers, dtype=torch.float32).reshape(asked["shape"]).to(device)
        if asked["channels_last"]:
            program.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            x = x.to(memory_format=torch.channels_last)
        precision = getattr(torch, asked["autocast"] or "bfloat16")
        with (
            torch.inference_mode(),
            torch.autocast(device.type, precision, bool(asked["autocast"])),
        ):
            y = program(x)
        if not isinstance(y, torch.Tensor):
            raise TypeError(f"gives a {type(y).__name__}")
        return _answer(y.shape, asked, lambda: y.to("cpu", torch.float32).contiguous().numpy())

    return {"metadata": read_metadata(archive), "parameters": count}, b"", run


def _open_onnx(
    request: dict[str, Any], data: bytearray, _memory: _Memory
) -> tuple[dict[str, Any], Buffer, Run]:
    import numpy as np

    from napari_sr.models._onnx import OnnxGraph, check_model

    checked = check_model(bytes(data), Path(request["folder"]))
    graph = OnnxGraph(checked.data, request["threads"])
    _limit("RLIMIT_NOFILE", 0)

    def run(asked: dict[str, Any], numbers: bytearray) -> Answer:
        y = graph(np.frombuffer(numbers, np.float32).reshape(asked["shape"]))
        return _answer(y.shape, asked, lambda: np.ascontiguousarray(y, np.float32))

    facts = {
        "metadata": checked.metadata,
        "parameters": checked.parameters,
        "channels": graph.channels,
    }
    return facts, checked.data if checked.embedded else b"", run


def _answer(shape: Any, asked: dict[str, Any], array: Callable[[], Any]) -> Answer:
    """The shape of a result, and the result itself if it is not larger than was asked for."""
    sides = [int(side) for side in shape]
    bytes_ = 4 * math.prod(sides)
    return {"shape": sides}, memoryview(array()).cast("B") if 0 < bytes_ <= asked["most"] else b""


def _warm_up(threads: int) -> None:
    """Let PyTorch load what it loads at first use, while files can still be opened."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    x, weight = torch.rand(1, 4, 32, 32), torch.rand(4, 4, 3, 3)
    with torch.inference_mode():
        for layout in (torch.contiguous_format, torch.channels_last):
            y = functional.conv2d(x.to(memory_format=layout), weight, padding=1)
            functional.interpolate(y, scale_factor=2, mode="bicubic")
        with torch.autocast("cpu", torch.bfloat16):
            functional.conv2d(x, weight)
        torch.mm(x[0, 0], x[0, 1]).exp().softmax(0)
        torch.fft.rfft2(x)
        torch.linalg.inv(torch.eye(4))
