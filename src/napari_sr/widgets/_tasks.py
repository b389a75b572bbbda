"""Work that tells of its progress through a callback, such as a download, as a job that can be cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.errors import CancelledError
from napari_sr.widgets._jobs import Job, SerialThread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["CATALOG", "Task"]

CATALOG = SerialThread("napari-sr catalog")
"""The thread of this process in which models come and go; networks run meanwhile."""


class Task(Job):
    """A function that is run in another thread until it ends or is cancelled.

    Parameters
    ----------
    action : callable
        Called with a function to which it tells (done, total) now and then.
    """

    def __init__(self, action: Callable[[Callable[[int, int], None]], Any]) -> None:
        def start() -> Generator[Any, None, Any]:
            yield None
            return action(self._step)

        super().__init__(start)

    def _step(self, done: int, total: int) -> None:
        if self.cancelled:
            raise CancelledError("cancelled")
        self.progress = (done, total)
