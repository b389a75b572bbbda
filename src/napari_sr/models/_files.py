"""Checkpoint files: tensors by name, and nothing that could run.

The contents of a file decide how it is read, not its name. Pickles can name nothing but tensors and plain containers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from safetensors import safe_open
from torch import Tensor

from napari_sr._text import error_line, format_bytes
from napari_sr.errors import ModelLoadError, ModelNotFoundError
from napari_sr.models._archive import Archive, ArchiveError, MoreThanTensorsError, is_zip
from napari_sr.models._card import american
from napari_sr.models._unpickle import read_archive, read_legacy

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LARGEST_FILE",
    "SUFFIXES",
    "Contents",
    "Kind",
    "candidates",
    "check_file",
    "kind_of",
    "read",
]

SUFFIXES = (".safetensors", ".pth", ".pt", ".model", ".bin", ".ckpt", ".ts", ".onnx")

Kind = Literal["safetensors", "archive", "torchscript", "pickle", "onnx"]
"""What a file holds: tensors in three forms, or a program in two."""

_WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net", "generator")
"""Keys under which training code stores the state dict; averaged weights before the last ones."""

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

_DEEPEST = 8
"""Wrappers within wrappers; training code uses one or two."""

_MOST_HEADER = 8 * 2**20
"""Bytes of a safetensors header, which has some 100 for each tensor."""

LARGEST_FILE = 2**31
"""Bytes of a file. The largest published networks have 0.2 GB, and three times as much with the state of training."""

_PICKLE = b"\x80"
"""First byte of a pickle of protocol 2 and above, which is all that PyTorch ever wrote."""

_OTHERS = {
    b"<": "is a web page, not a checkpoint; download the file itself",
    b"version https://git-lfs": "is a pointer of Git LFS, not the checkpoint; download the file itself",
}
"""Beginnings of files that are often downloaded in place of a checkpoint."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checkpoint file holds."""

    tensors: Mapping[str, Any]
    """Tensors by name, possibly inside wrappers."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Text stored beside them (safetensors only)."""


def check_file(path: Path) -> None:
    """See that a file exists and that its name is that of a checkpoint.

    Raises
    ------
    ModelNotFoundError
        If there is no such file; folders, devices and pipes are none.
    ModelLoadError
        If it is of another kind, by its name.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise ModelLoadError(f"{path.name}: not a checkpoint; known are {', '.join(SUFFIXES)}")


def kind_of(path: Path) -> Kind:
    """What a file holds, by its first bytes and, for zip archives, the names of its entries.

    Raises
    ------
    ModelLoadError
        If it is none of the kinds that are read.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ModelLoadError(f"{path.name}: is larger than {format_bytes(LARGEST_FILE)}")
        with path.open("rb") as file:
            # files of the system that claim to be empty may have no end
            head = file.read(64) if size else b""
            if is_zip(head):
                return "torchscript" if _is_program(Archive(file)) else "archive"
    except (OSError, ArchiveError) as error:
        raise ModelLoadError(f"{path.name}: {_reason(error)}") from error
    if head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size:
        return "safetensors"
    if head.startswith(_PICKLE):
        return "pickle"
    if _is_onnx(head):
        return "onnx"
    for beginning, message in _OTHERS.items():
        if head.lstrip().startswith(beginning):
            raise ModelLoadError(f"{path.name}: {message}")
    raise ModelLoadError(
        f"{path.name}: cannot be read, truncated or damaged (not a file of PyTorch, safetensors or ONNX)"
    )


def _is_program(archive: Archive) -> bool:
    names = [name.lower() for name in archive.names]
    # as PyTorch does, and any other part of a program, too
    return any(
        name in ("constants.pkl", "model.json") or name.startswith("code/") for name in names
    )


def _is_onnx(head: bytes) -> bool:
    """Whether bytes are the beginning of an ONNX model: its version, then another field of a model."""
    return len(head) > 2 and head[0] == 0x08 and 1 <= head[1] < 0x20 and head[2] in _ONNX_FIELDS


_ONNX_FIELDS = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)
"""Tags of the fields of an ONNX model, as Protocol Buffers writes them: producer, domain, graph, operators, …"""


def read(path: Path) -> Contents:
    """Read a checkpoint file.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    ModelLoadError
        If it is of another kind, truncated or damaged, or holds more than tensors.
    """
    check_file(path)
    kind = kind_of(path)
    try:
        match kind:
            case "safetensors":
                return _read_safetensors(path)
            case "archive" | "pickle":
                return _read_pickle(path, kind)
    except Exception as error:
        # safetensors raises a dozen types on damaged input, a pickle any at all
        raise ModelLoadError(f"{path.name}: {_reason(error)}") from error
    raise ModelLoadError(f"{path.name}: holds a program, not tensors")


def _read_safetensors(path: Path) -> Contents:
    with path.open("rb") as head:
        (length,) = struct.unpack("<Q", head.read(8))
    if length > _MOST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    with safe_open(path, framework="pt", device="cpu") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return Contents(tensors, american(file.metadata() or {}))


def _read_pickle(path: Path, kind: Kind) -> Contents:
    with path.open("rb") as file:
        loaded = read_archive(Archive(file)) if kind == "archive" else read_legacy(file)
    if not isinstance(loaded, Mapping):
        raise TypeError(f"holds a {type(loaded).__name__}, not tensors by name")
    return Contents(loaded)


def _reason(error: Exception) -> str:
    """Say what to do about a file that cannot be read, in one line."""
    if isinstance(error, MoreThanTensorsError):
        return (
            f"holds more than tensors ({error_line(error)}) and is not opened for safety; "
            "save its state_dict() instead"
        )
    return f"cannot be read, truncated or damaged ({error_line(error)})"


def candidates(tensors: Mapping[str, Any]) -> Iterator[dict[str, Tensor]]:
    """Yield what a checkpoint may stand for, likeliest first: wrappers and prefixes stripped."""
    state = _without_prefixes(_unwrapped(tensors))
    yield state
    first, dot, _ = next(iter(state), "").partition(".")
    if dot and all(name.startswith(first + dot) for name in state):
        yield {name[len(first) + 1 :]: value for name, value in state.items()}


def _unwrapped(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    for _ in range(_DEEPEST):
        inner = (tensors.get(key) for key in _WRAPPERS)
        found = next((each for each in inner if isinstance(each, Mapping)), None)
        if found is None:
            break
        tensors = found
    return {str(name): value for name, value in tensors.items() if isinstance(value, Tensor)}


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for _ in range(_DEEPEST):
        prefix = next((p for p in _PREFIXES if state and all(n.startswith(p) for n in state)), None)
        if prefix is None:
            break
        state = {name[len(prefix) :]: value for name, value in state.items()}
    return state
