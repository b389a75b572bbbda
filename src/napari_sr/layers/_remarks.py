"""What the engine says on the way, such as that memory ran out and tiles were made smaller."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["listening"]


class _Collector(logging.Handler):
    def __init__(self, remarks: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._remarks = remarks
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:  # another run in another thread has its own
            self._remarks.append(record.getMessage())


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
