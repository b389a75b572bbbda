"""A dask cluster for a call: one that runs already, or workers on this machine."""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from napari_sr.errors import ClusterError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 15
"""Seconds in which a scheduler must answer."""


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
        Told in one line where the work goes.

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
            # Small images travel in the graph, which dask thinks worth a warning.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        if workers:
            stack.enter_context(_local(workers))
            say(f"{workers} workers on this machine")
        elif scheduler:
            say(_described(stack.enter_context(_connected(scheduler)), scheduler))
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
        raise ClusterError(f"workers could not be started ({_reason(error)})") from error
    with cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    distributed = _distributed()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        # Tried first: one that fails as the default client stays it, and what is computed later waits for it.
        distributed.Client(scheduler, timeout=TIMEOUT, set_as_default=False).close()
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, ValueError, ImportError) as error:
        raise ClusterError(
            f"no dask scheduler answers at {scheduler} ({_reason(error)}); "
            "start one with: dask scheduler"
        ) from error
    with client:
        yield client


def _described(client: Any, scheduler: str) -> str:
    count = len(client.scheduler_info(n_workers=-1)["workers"])
    return f"{count} workers of {scheduler}" if count else f"{scheduler} waits for its first worker"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
