"""Images that do not fit into memory twice: enlarged and written block by block."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from napari_sr.cli._jobs import suffix_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dask.array as da
    import numpy as np

    from napari_sr.inference import Plan

BY_BLOCKS = (".zarr", ".tif", ".tiff")
"""Formats that are written block by block."""
LARGE = 2**29
"""Bytes of a result above which it is not held in memory as a whole."""


def goes_by_blocks(plan: Plan, data: Any, target: Path) -> bool:
    """Whether a result is better never held as a whole.

    Parameters
    ----------
    plan : Plan
        What will run.
    data : array
        The input; a dask array is never read as a whole.
    target : Path
        Where the result goes.

    Returns
    -------
    bool
        True for lazy inputs and for large results in a format that can be written in blocks.
    """
    large = plan.bytes_out > LARGE and bool(suffix_of(target, BY_BLOCKS))
    return large or hasattr(data, "dask")


def by_blocks(plan: Plan, data: Any, progress: Callable[[int, int], None]) -> da.Array:
    """Result of a plan as a dask array, whose blocks are counted as they are made.

    Parameters
    ----------
    plan : Plan
        What will run.
    data : array or dask array
        The input.
    progress : callable
        Told blocks done and in all, from whichever thread made one.

    Returns
    -------
    dask array
        Computed by whoever writes it, each block once.
    """
    import dask.array as da

    from napari_sr.inference import upscale

    lazy = upscale(
        data if hasattr(data, "dask") else da.from_array(data, name=False),
        plan.scale,
        plan.model,
        plan.axes.letters,
        plan.device,
        plan.precision,
        plan.tile,
        plan.ensemble,
        intensity_range=plan.intensity_range,
    )
    done, lock = 0, threading.Lock()

    def count(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        nonlocal done
        with lock:
            done += 1
            progress(done, lazy.npartitions)
        return block

    return lazy.map_blocks(count, dtype=lazy.dtype, meta=lazy._meta)
