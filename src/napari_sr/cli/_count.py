"""Blocks counted as they are made, in this process or on a cluster."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sr._cluster import active_client

if TYPE_CHECKING:
    from collections.abc import Callable

    import dask.array as da
    import numpy as np


def counted(lazy: da.Array, progress: Callable[[int, int], None]) -> da.Array:
    """A dask array that tells how many of its blocks have been made.

    Parameters
    ----------
    lazy : dask array
        Any.
    progress : callable
        Told blocks done and in all, from whichever thread made one or heard of it.

    Returns
    -------
    dask array
        The same.
    """
    tell = _here(lazy, progress) if active_client() is None else _there(lazy, progress)
    return lazy.map_blocks(tell, dtype=lazy.dtype, meta=lazy._meta)


def _here(lazy: da.Array, progress: Callable[[int, int], None]) -> Callable[..., Any]:
    done, lock = 0, threading.Lock()

    def count(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        nonlocal done
        with lock:
            done += 1
            progress(done, lazy.npartitions)
        return block

    return count


def _there(lazy: da.Array, progress: Callable[[int, int], None]) -> Callable[..., Any]:
    topic, seen = f"napari-sr-{uuid.uuid4().hex}", set[Any]()

    def hear(event: tuple[float, Any]) -> None:
        seen.add(tuple(event[1]))  # what a lost worker had made is made, and told of, again
        progress(len(seen), lazy.npartitions)

    active_client().subscribe_topic(topic, hear)
    return _Teller(topic)


@dataclass(frozen=True)
class _Teller:
    """Tells the client of each block; called by a worker."""

    topic: str

    def __call__(
        self, block: np.ndarray[Any, Any], block_info: dict[Any, Any] | None = None
    ) -> np.ndarray[Any, Any]:
        from distributed import get_worker

        assert block_info is not None
        get_worker().log_event(self.topic, list(block_info[0]["chunk-location"]))
        return block
