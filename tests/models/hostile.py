"""Hostile model files: archives that two programs read differently, and programs that reach beyond tensors."""

from __future__ import annotations

import io
import itertools
import json
import struct
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING

import torch

from napari_sr.models._torchscript import silence_torchscript_warnings

if TYPE_CHECKING:
    from pathlib import Path

ENLARGE = "return torch.repeat_interleave(torch.repeat_interleave(x, 2, 2), 2, 3)"
"""Body of a program that does what it should: x2 by nearest neighbor."""


_NUMBERS = itertools.count()


class _Script(torch.jit.ScriptModule):
    pass


def script(body: str, **files: str) -> bytes:
    """TorchScript whose ``forward(self, x)`` has a body; `files` are stored beside it."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    file = io.BytesIO()
    with silence_torchscript_warnings():
        program = type(f"Script{next(_NUMBERS)}", (_Script,), {"__module__": "__main__"})()
        program.define("def forward(self, x):\n" + lines)
        torch.jit.save(program, file, _extra_files=dict(files))
    return file.getvalue()


def saving(target: Path) -> bytes:
    """Writes a file, and then does what it should."""
    return script(f'torch.save(x, "{target}")\n{ENLARGE}')


def entries(data: bytes) -> list[tuple[str, bytes]]:
    """Entries of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(parts: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive, also with names that occur twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, data in parts:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            archive.writestr(info, data)
    return file.getvalue()


def harmless(parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The same entries without the lines of their source that write files."""
    return [
        (name, b"\n".join(line for line in data.split(b"\n") if b"torch.save" not in line))
        if name.endswith(".py")
        else (name, data)
        for name, data in parts
    ]


def renamed_source(data: bytes, suffix: str = ".PY") -> bytes:
    """Source under a name that PyTorch finds, since it ignores case, and a check may not."""
    return zipped([(name.replace(".py", suffix), part) for name, part in entries(data)])


def twice(data: bytes) -> bytes:
    """Two entries of each name: Python reads the last, PyTorch the first."""
    hostile = entries(data)
    return zipped([each for pair in zip(hostile, harmless(hostile), strict=True) for each in pair])


def two_directories(data: bytes) -> bytes:
    """Two central directories: Python finds the harmless one, PyTorch the other."""
    out = io.BytesIO()

    def put(parts: list[tuple[str, bytes]]) -> list[tuple[bytes, bytes, int]]:
        placed = []
        for text, part in parts:
            name, at = text.encode(), out.tell()
            sizes = (zlib.crc32(part), len(part), len(part), len(name), 0)
            out.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 0x21, *sizes))
            out.write(name + part)
            placed.append((name, part, at))
        return placed

    def directory(placed: list[tuple[bytes, bytes, int]], shift: int = 0) -> bytes:
        rows = b""
        for name, part, at in placed:
            sizes = (zlib.crc32(part), len(part), len(part), len(name), 0, 0, 0, 0, 0, at - shift)
            rows += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0x21, *sizes)
            rows += name
        return rows

    hostile = put(entries(data))
    good = put(harmless(entries(data)))
    start, first = out.tell(), directory(hostile)
    out.write(first + directory(good, len(first)))
    end = (0, 0, len(hostile), len(hostile), len(first), start, 0)
    out.write(struct.pack("<IHHHHIIH", 0x06054B50, *end))
    return out.getvalue()


def with_source(source: str | bytes) -> bytes:
    """A program with source of one's own: ``forward`` of the class ``Own``, which PyTorch would compile."""
    state = b"}(X\x08\0\0\0training\x88X\x16\0\0\0_is_full_backward_hookNub."
    return zipped(
        [
            ("a/data.pkl", b"\x80\x02c__torch__\nOwn\n)\x81" + state),
            ("a/code/__torch__.py", source.encode() if isinstance(source, str) else source),
            ("a/constants.pkl", b"\x80\x02)."),
            ("a/version", b"3\n"),
        ]
    )


def own_class(body: str, more: str = "", bases: str = "Module") -> str:
    """Source of the class for `with_source`."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return (
        f"class Own({bases}):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        "  _is_full_backward_hook : NoneType\n"
        f"  def forward(self: __torch__.Own, x: Tensor) -> Tensor:\n{lines}{more}"
    )


def metadata(**facts: object) -> dict[str, str]:
    """The file in which our exports describe themselves."""
    return {"napari-sr.json": json.dumps(facts)}
