"""The machine: its devices, the precisions they compute in, and the memory that is free."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch.backends import cudnn

from napari_sr._dask import memory_limit
from napari_sr.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "autocast",
    "available_devices",
    "free_memory",
    "full_float32",
    "has_bfloat16",
    "has_fast_bfloat16",
    "is_out_of_memory",
    "resolve_device",
]

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def available_devices() -> list[str]:
    """Names of the devices of this machine; ``"auto"`` takes the first."""
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def resolve_device(device: str = "auto") -> str:
    """Name of an available device.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"gpu"`` (the first graphics card of either make), ``"cuda:1"`` or
        ``"mps"``, in any case.

    Returns
    -------
    str
        One of `available_devices`.

    Raises
    ------
    DeviceError
        If this machine has no such device; the message lists what it has.
    """
    found = available_devices()
    name = str(device).lower()
    if name == "auto" or (name == "gpu" and len(found) > 1):
        return found[0]
    if name == "cuda":
        name = "cuda:0"
    if name not in found:
        raise DeviceError(f"no device {device!r} here; choose auto or one of {', '.join(found)}")
    return name


def has_bfloat16(device: str) -> bool:
    """Whether a device computes in bfloat16 at all."""
    return not device.startswith("cuda") or torch.cuda.is_bf16_supported()


def has_fast_bfloat16(device: str) -> bool:
    """Whether bfloat16 is much faster than float32: on graphics cards, and on processors with matrix units (AMX)."""
    if device != "cpu":
        return has_bfloat16(device)
    capabilities: Mapping[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # new in PyTorch 2.11
    return bool(capabilities.get("amx_bf16", False))


def free_memory(device: str) -> int:
    """Bytes that are free on a device; on a dask worker, no more than the worker was given."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(min(psutil.virtual_memory().available, memory_limit()))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception reports that memory ran out, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


@dataclass
class _FullFloat32:
    """Context without TensorFloat-32, to which graphics cards round float32: ten bits are too few for 16-bit images.

    The switch is one for all threads: the first to enter turns it off, the last to leave restores it.
    """

    inside: int = 0
    before: bool = True

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self.inside:
                self.before, cudnn.allow_tf32 = cudnn.allow_tf32, False
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1
            if not self.inside:
                cudnn.allow_tf32 = self.before


full_float32 = _FullFloat32()
"""The one switch of this process."""


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Context in which convolutions run in a precision; sums of an image and a correction stay in float32."""
    if precision != "float32":
        return torch.autocast(device.partition(":")[0], dtype=_TYPES[precision])
    return full_float32 if device.startswith("cuda") else nullcontext()
