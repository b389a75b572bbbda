"""Checkpoint files: tensors by name, and nothing that could run.

Pickles are opened with ``weights_only``, so a file can hold numbers but no code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor

from napari_sr.errors import ModelLoadError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SUFFIXES", "Contents", "american", "candidates", "read", "sha256"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".model", ".bin", ".ckpt", ".ts", ".onnx")

_WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net", "generator")
"""Keys under which training code stores the state dict; averaged weights before the last ones."""

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

_TODAY = {"colour": "color", "licence": "license"}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checkpoint file holds."""

    tensors: Mapping[str, Any]
    """Tensors by name, possibly inside wrappers."""
    metadata: dict[str, str] = field(default_factory=dict)
    """Text stored beside them (safetensors only)."""


def read(path: Path) -> Contents:
    """Read a checkpoint file.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    ModelLoadError
        If it is of another kind, truncated or damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise ModelLoadError(f"{path.name}: not a checkpoint; known are {', '.join(SUFFIXES)}")
    try:
        return (
            _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_pickle(path)
        )
    except Exception as error:
        # torch and safetensors raise a dozen types on damaged input, pickle itself any at all
        raise ModelLoadError(f"{path.name}: {_reason(error)}") from error


def _read_safetensors(path: Path) -> Contents:
    with safe_open(path, framework="pt", device="cpu") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        return Contents(tensors, american(file.metadata() or {}))


def american(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same table with the keys ``colour`` and ``licence``, as earlier files have them, in today's spelling."""
    return {_TODAY.get(key, key): value for key, value in table.items()}


def _read_pickle(path: Path) -> Contents:
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, Mapping):
        raise TypeError(f"holds a {type(loaded).__name__}, not tensors by name")
    return Contents(loaded)


def _reason(error: Exception) -> str:
    """Say what to do about a file that cannot be read, in one line."""
    text = str(error)
    if "TorchScript" in text:
        return "is a TorchScript program; save the network's state_dict() instead"
    if "weights_only" in text or "Weights only" in text:
        return "holds more than tensors and is not opened for safety; save its state_dict() instead"
    first = text.strip().partition("\n")[0] or type(error).__name__
    return f"cannot be read, truncated or damaged ({first})"


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def candidates(tensors: Mapping[str, Any]) -> Iterator[dict[str, Tensor]]:
    """Yield what a checkpoint may stand for, likeliest first: wrappers and prefixes stripped."""
    state = _without_prefixes(_unwrapped(tensors))
    yield state
    first, dot, _ = next(iter(state), "").partition(".")
    if dot and all(name.startswith(first + dot) for name in state):
        yield {name[len(first) + 1 :]: value for name, value in state.items()}


def _unwrapped(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    for key in _WRAPPERS:
        if isinstance(tensors.get(key), Mapping):
            return _unwrapped(tensors[key])
    return {str(name): value for name, value in tensors.items() if isinstance(value, Tensor)}


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return _without_prefixes({name[len(prefix) :]: value for name, value in state.items()})
    return state
