"""The dask cluster of a call: a running one, or workers on this machine."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from napari_sr._text import error_line
from napari_sr.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 15
"""Seconds after which a scheduler counts as unreachable; connecting takes a few on a busy network."""


@contextmanager
def cluster(
    scheduler: str | None, workers: int | None, say: Callable[[str], object]
) -> Iterator[None]:
    """Within this context dask computes on a cluster, if one is asked for.

    Parameters
    ----------
    scheduler : str or None
        Address of a scheduler, such as ``tcp://10.0.0.1:8786``.
    workers : int or None
        Number of processes to start on this machine, which share its cores.
    say : callable
        Prints a line about the cluster.

    Raises
    ------
    InputError
        If both are asked for.
    ClusterError
        If dask.distributed is not installed, the scheduler cannot be reached, or workers do not start.
    """
    if scheduler and workers:
        raise InputError("give either --dask-scheduler or --workers, not both")
    with ExitStack() as stack:
        if scheduler or workers:
            _distributed()
            # Images in memory are sent within the graph; dask warns of that.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        if workers:
            stack.enter_context(_local(workers))
            say(f"{workers} workers on this machine")
        elif scheduler:
            client = stack.enter_context(_connected(scheduler))
            count = len(client.scheduler_info(n_workers=-1)["workers"])
            waiting = f"{scheduler} has no workers yet; waiting for the first one"
            say(f"{count} workers of {scheduler}" if count else waiting)
        yield


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            "clusters need dask.distributed; install it with: pip install 'napari-sr[distributed]'"
        ) from None
    return distributed


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    distributed = _distributed()
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, (os.cpu_count() or 1) // workers),
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    except (OSError, RuntimeError) as error:
        raise ClusterError(
            f"workers could not be started ({error_line(error).rstrip('.')})"
        ) from error
    with cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    distributed = _distributed()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        # A trial first: a client that fails to connect would remain the default one, and later work would wait for it.
        distributed.Client(scheduler, timeout=TIMEOUT, set_as_default=False).close()
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, ValueError, ImportError) as error:
        raise ClusterError(
            f"no dask scheduler answers at {scheduler} ({error_line(error).rstrip('.')}); "
            "start one with: dask scheduler"
        ) from error
    with client:
        yield client
