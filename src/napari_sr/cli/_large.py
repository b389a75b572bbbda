"""Images that do not fit into memory twice: enlarged and written block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr._cluster import active_client
from napari_sr.cli._count import counted
from napari_sr.cli._jobs import suffix_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dask.array as da

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
        True for lazy inputs, for large results in a format that can be written in blocks, and on a cluster.
    """
    large = plan.bytes_out > LARGE and bool(suffix_of(target, BY_BLOCKS))
    return large or hasattr(data, "dask") or active_client() is not None


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

    from napari_sr.inference import enlarge_lazily, row_blocks

    image = data if hasattr(data, "dask") else da.from_array(data, name=False)
    return counted(enlarge_lazily(plan, image, row_blocks), progress)
