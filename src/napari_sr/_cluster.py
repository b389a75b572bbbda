"""The dask cluster that is in use, if any; nothing of dask is imported to find that there is none."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


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
    # One that could not connect, or has lost its scheduler, stays the default one.
    return client if client.status == "running" else None


def computed(parts: Iterable[Any]) -> Iterator[NDArray[Any]]:
    """Compute dask arrays one after the other; on a cluster the next ones are under way meanwhile.

    Parameters
    ----------
    parts : iterable of dask array
        In the order in which they are needed.

    Yields
    ------
    array
        Their values.
    """
    import numpy as np

    client = active_client()
    if client is None:
        yield from map(np.asarray, parts)
        return
    under_way: deque[Any] = deque()
    # As many as there are workers, and as many again that wait for one to become free.
    ahead = 2 * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    for part in parts:
        under_way.append(client.compute(part))
        if len(under_way) > ahead:
            yield np.asarray(under_way.popleft().result())
    while under_way:
        yield np.asarray(under_way.popleft().result())
