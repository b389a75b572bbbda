"""Dask: lazy arrays, the cluster in use, and what a worker process may take of its machine.

Nothing of dask is imported to find that none of it is in use.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import dask.array as da
    from numpy.typing import NDArray

__all__ = [
    "active_client",
    "as_dask",
    "computed",
    "is_lazy",
    "log_event",
    "memory_limit",
    "this_worker",
    "use_worker_threads",
]


def is_lazy(image: Any) -> bool:
    """Whether an array lies in chunks that are read when they are needed: dask, Zarr, HDF5."""
    return not isinstance(image, np.ndarray) and getattr(image, "chunks", None) is not None


def as_dask(image: Any) -> da.Array:
    """An array as a dask array; one in memory becomes a single chunk."""
    import dask.array as da

    if isinstance(image, da.Array):
        return image
    if is_lazy(image):
        return da.from_array(image, chunks=image.chunks)
    return da.from_array(np.asarray(image), name=False)


def active_client() -> Any:
    """Client of the cluster on which dask computes.

    Returns
    -------
    distributed.Client or None
        None where dask computes in this process.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:
        return None
    # A client that could not connect, or has lost its scheduler, remains the default one.
    return client if client.status == "running" else None


def computed(parts: Iterable[Any]) -> Iterator[NDArray[Any]]:
    """Compute dask arrays one after the other; a cluster works on the next ones meanwhile.

    Parameters
    ----------
    parts : iterable of dask array
        In the order in which they are needed.

    Yields
    ------
    array
        Their values.
    """
    client = active_client()
    if client is None:
        yield from map(np.asarray, parts)
        return
    pending: deque[Any] = deque()
    # One for each worker, and as many again that wait for a worker to become free.
    ahead = 2 * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    for part in parts:
        pending.append(client.compute(part))
        if len(pending) > ahead:
            yield np.asarray(pending.popleft().result())
    while pending:
        yield np.asarray(pending.popleft().result())


def this_worker() -> Any:
    """The dask worker in whose process and task this runs, or None.

    Workers that are threads of the user's own process do not count: that process is the user's.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return None
    return None if worker.address.startswith("inproc") else worker


def log_event(topic: str, message: Any) -> None:
    """Send a message to the scheduler of the worker in whose task this runs; outside of one nothing happens.

    Parameters
    ----------
    topic : str
        Under which clients find it.
    message : Any
        Plain values.
    """
    if "distributed" not in sys.modules:
        return
    from distributed import get_worker

    try:
        get_worker().log_event(topic, message)
    except ValueError:  # not in a task
        return


def use_worker_threads() -> None:
    """Let torch use as many threads as this worker was given; a worker runs one block at a time.

    Dask starts workers with one thread for each library, and without it torch would take all cores for each worker.
    """
    worker = this_worker()
    if worker is None:
        return
    import torch

    if torch.get_num_threads() != worker.state.nthreads:
        torch.set_num_threads(worker.state.nthreads)


def memory_limit() -> float:
    """Bytes that this process may take: the limit of its dask worker, infinite elsewhere."""
    worker = this_worker()
    limit = worker.memory_manager.memory_limit if worker is not None else None
    return float(limit) if limit else float("inf")
