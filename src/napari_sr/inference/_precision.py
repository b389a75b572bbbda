"""Precision: how many bits a network computes with."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch.backends import cudnn

from napari_sr.errors import DeviceError

if TYPE_CHECKING:
    from napari_sr.inference._plan import Plan

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_precision(precision: str, device: str) -> str:
    """Name of the precision to compute with.

    Parameters
    ----------
    precision : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``; auto is float32 to begin with.
    device : str
        An available device.

    Returns
    -------
    str
        ``"float32"``, ``"bfloat16"`` or ``"float16"``.

    Raises
    ------
    DeviceError
        If there is no such precision, or the device lacks it.
    """
    name = str(precision).lower()
    if name == "auto":
        return "float32"
    if name not in _TYPES:
        raise DeviceError(f"no precision {precision!r}; choose auto, {', '.join(_TYPES)}")
    if name == "bfloat16" and not _has_bfloat16(device):
        raise DeviceError(f"{device} cannot compute in bfloat16; choose float32 or float16")
    return name


def _has_bfloat16(device: str) -> bool:
    return not device.startswith("cuda") or torch.cuda.is_bf16_supported()


def bfloat16_is_safe(plan: Plan) -> bool:
    """Whether bfloat16 changes nothing that the dtype of the image can show, and the device can do it.

    So for 8-bit images with a model that was measured; for science float32 is the default.
    """
    return plan.model.card.bfloat16_safe and plan.dtype.itemsize == 1 and _has_bfloat16(plan.device)


class _FullFloat32:
    """Graphics cards round to TensorFloat-32, of ten bits, unless told otherwise: too few for images of sixteen.

    The switch is one for all threads: the first to enter turns it off, the last to leave puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = True

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before, cudnn.allow_tf32 = cudnn.allow_tf32, False
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                cudnn.allow_tf32 = self._before


full_float32 = _FullFloat32()


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Context in which convolutions run in a precision; sums of an image and a correction stay in float32."""
    if precision != "float32":
        return torch.autocast(device.partition(":")[0], dtype=_TYPES[precision])
    return full_float32 if device.startswith("cuda") else nullcontext()
