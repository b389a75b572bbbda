"""Memory: how much is free, and what does not fit said before it is tried."""

from __future__ import annotations

import psutil
import torch

from napari_sr.errors import OutputTooLargeError
from napari_sr.inference._plan import Plan, format_bytes
from napari_sr.inference._workers import memory_share

_SHARE = 0.9
"""Of the free memory, what an output may take."""


def free_memory(device: str) -> int:
    """Bytes that are free on a device."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return int(min(psutil.virtual_memory().available, memory_share()))


def check_output(plan: Plan) -> None:
    """See that the output can be held.

    Raises
    ------
    OutputTooLargeError
        If it is larger than the free memory; the message names both, and the way out.
    """
    free = free_memory("cpu")
    if plan.bytes_out > _SHARE * free:
        raise OutputTooLargeError(
            f"the output needs {format_bytes(plan.bytes_out)} of memory and {format_bytes(free)} are free; "
            "pass a dask or zarr array to upscale it piece by piece, or write OME-Zarr from the command line"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
