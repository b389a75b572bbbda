"""Workers of a dask cluster: what a process that is one of several on a machine may use of it."""

from __future__ import annotations

import sys
from typing import Any

import torch


def this_worker() -> Any:
    """The dask worker in whose process and task this runs, or None."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return None
    # Workers that are threads of the user's own process leave that as it is.
    return None if worker.address.startswith("inproc") else worker


def take_threads() -> None:
    """Let torch use as many threads as the worker was given, which runs one block at a time.

    Dask starts workers with one thread for each library, and outside of dask torch would take all cores for each of
    them.
    """
    worker = this_worker()
    if worker is not None and torch.get_num_threads() != worker.state.nthreads:
        torch.set_num_threads(worker.state.nthreads)


def memory_share() -> float:
    """Bytes that this process may take: what its worker was given; infinite outside of a cluster."""
    worker = this_worker()
    limit = worker.memory_manager.memory_limit if worker is not None else None
    return float(limit) if limit else float("inf")
