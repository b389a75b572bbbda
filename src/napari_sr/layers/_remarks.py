"""What the engine says on the way, such as that memory ran out and tiles were made smaller."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Remark", "listening"]


class Remark(str):
    """One line, and what it counts.

    Parameters
    ----------
    text : str
        The line.
    replaced : mapping
        Input pixels for which bicubic stands in, by the reason.
    """

    replaced: Mapping[str, int]

    def __new__(cls, text: str, replaced: Mapping[str, int] | None = None) -> Self:
        """A text with a count."""
        remark = super().__new__(cls, text)
        remark.replaced = dict(replaced or {})
        return remark


class _Collector(logging.Handler):
    def __init__(self, remarks: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._remarks = remarks
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:  # another run in another thread has its own
            replaced = getattr(record, "replaced", None)
            self._remarks.append(Remark(record.getMessage(), replaced))


@contextmanager
def listening(remarks: list[str]) -> Iterator[None]:
    """Within this context warnings that napari-sr logs in this thread are added to a list.

    Parameters
    ----------
    remarks : list of str
        Is appended to; another thread may read it meanwhile.
    """
    logger, collector = logging.getLogger("napari_sr"), _Collector(remarks)
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
