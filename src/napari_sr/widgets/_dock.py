"""The base of our dock widgets: it scrolls its content, polls the work that it has started, and ends it when closed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.widgets._controls import ScrollColumn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["POLL_MS", "DockWidget"]

POLL_MS = 40
"""Milliseconds between two looks at a job in another thread: 25 a second look continuous."""

Work = TypeVar("Work")


class DockWidget(QWidget, Generic[Work]):
    """A widget in a dock, with the work that it has started.

    Parameters
    ----------
    content : QWidget
        Fills the dock, and scrolls where the dock is too low for it.
    end : callable
        Ends one piece of work; returns at once.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(
        self, content: QWidget, end: Callable[[Work], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._work: list[Work] = []
        self._end_all = partial(_end_all, self._work, end)
        # Not a method of self: it is called after self has been deleted.
        self.destroyed.connect(self._end_all)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(ScrollColumn(content))

    @property
    def running(self) -> bool:
        """Whether there is unfinished work."""
        return bool(self._work)

    def event(self, event: QEvent | None) -> bool:
        """End the work when the dock is closed: napari takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._end_all()
        return bool(super().event(event))

    def _start_work(self, work: Work) -> None:
        """Remember work that has begun, and poll it from now on."""
        self._work.append(work)
        self._timer.start()

    def _end_work(self, work: Work) -> None:
        """Forget work that has ended."""
        self._work.remove(work)
        self._timer.stop()

    def _poll(self) -> None:
        """Show how far the work is; called by the timer."""
        raise NotImplementedError


def _end_all(work: list[Work], end: Callable[[Work], object], *_: object) -> None:
    while work:
        end(work.pop())
