"""What every dock of ours does when it is closed: end what it began."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Docked"]

Work = TypeVar("Work")


class Docked(QWidget, Generic[Work]):
    """A widget of a dock, and the work that goes on for it.

    Parameters
    ----------
    end : callable
        Ends one piece of work at once.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, end: Callable[[Work], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._work: list[Work] = []
        self._end_all = partial(_end_all, self._work, end)
        # not a method of self: it must work when self is gone
        self.destroyed.connect(self._end_all)

    @property
    def running(self) -> bool:
        """Whether anything goes on."""
        return bool(self._work)

    def event(self, event: QEvent | None) -> bool:
        """Stop when the dock is closed: napari takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._end_all()
        return bool(super().event(event))


def _end_all(work: list[Work], end: Callable[[Work], object], *_: object) -> None:
    while work:
        end(work.pop())
