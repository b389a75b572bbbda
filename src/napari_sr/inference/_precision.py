"""Precision: how many bits a network computes with."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

from napari_sr.errors import DeviceError

if TYPE_CHECKING:
    import numpy as np

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_precision(
    precision: str, device: str, dtype: np.dtype, *, safe: bool, faster: bool
) -> str:
    """Name of the precision to compute with.

    Parameters
    ----------
    precision : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``. Auto is float32, except for 8-bit images with a
        model that was measured safe in bfloat16, where that is faster.
    device : str
        An available device.
    dtype : numpy.dtype
        Of the image.
    safe, faster : bool
        Whether bfloat16 is safe for the model, and faster for it on that device.

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
        return "bfloat16" if safe and faster and dtype.itemsize == 1 else "float32"
    if name not in _TYPES:
        raise DeviceError(f"no precision {precision!r}; choose auto, {', '.join(_TYPES)}")
    if name == "bfloat16" and device.startswith("cuda") and not torch.cuda.is_bf16_supported():
        raise DeviceError(f"{device} cannot compute in bfloat16; choose float32 or float16")
    return name


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Context in which convolutions run in a precision; sums of an image and a correction stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.partition(":")[0], dtype=_TYPES[precision])
