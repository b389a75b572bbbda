"""Messages between two processes: a small table of plain values, and bytes. Nothing in them is ever unpickled."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

__all__ = ["Buffer", "Pipe"]

Buffer = bytes | bytearray | memoryview

_HEADER = struct.Struct("<IQ")
"""Lengths of the table and of the bytes."""
_MOST_TABLE = 2**24
"""Bytes of a table, most of which are metadata of a file."""


class Pipe:
    """Two ends of pipes, one to read from and one to write to.

    Parameters
    ----------
    source, sink : binary file
        Buffered.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink

    def send(self, table: dict[str, Any], data: Buffer = b"") -> None:
        """Write a message.

        Raises
        ------
        OSError
            If nobody reads any more.
        """
        text = json.dumps(table).encode()
        view = memoryview(data).cast("B")
        self._sink.write(_HEADER.pack(len(text), len(view)) + text)
        self._sink.write(view)
        self._sink.flush()

    def receive(self, most: int = 2**63) -> tuple[dict[str, Any], bytearray]:
        """Read a message whose data have at most so many bytes.

        Raises
        ------
        EOFError
            If nobody writes any more.
        ValueError
            If it is not a message, or has more data.
        """
        table_length, length = _HEADER.unpack(self._exactly(_HEADER.size))
        if table_length > _MOST_TABLE or length > most:
            raise ValueError("a message that is too long")
        table = json.loads(self._exactly(table_length))
        if not isinstance(table, dict):
            raise ValueError("a message of another kind")
        return table, self._exactly(length)

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            read = self._source.readinto(view)  # type: ignore[attr-defined]
            if not read:
                raise EOFError
            view = view[read:]
        return data
