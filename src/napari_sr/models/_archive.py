"""Zip archives of PyTorch, read so strictly that only one reading is possible.

A zip file can be read in more than one way: two programs may disagree about which of two entries with the same name
counts, about the case of names, or about which directory is the valid one. A check that reads a file one way is
worthless if PyTorch then reads it another way. Therefore every archive that is ambiguous in any respect is refused,
and what PyTorch is given is written again from what was checked.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Archive", "ArchiveError", "MoreThanTensorsError", "is_zip", "write_archive"]

_MOST_ENTRIES = 50_000
"""A checkpoint has one entry for each tensor; the largest published networks have some thousands."""
_MOST_DIRECTORY = 16 * 2**20
"""Bytes of the central directory, which is read as a whole: 300 for each of the entries."""
_FREE_GROWTH = 32 * 2**20
"""Bytes to which the entries together may always unpack: small archives of zeros compress well."""
_MOST_GROWTH = 20
"""Ratio of unpacked to packed bytes beyond `_FREE_GROWTH`; PyTorch stores tensors without compression, and the
source text of programs compresses to a tenth."""
_TRAILERS = (0, 12, 16, 20, 24)
"""Lengths of the record that may follow the data of an entry: sizes of 4 or 8 bytes, with or without signature."""

_LOCAL, _CENTRAL_END, _ZIP64_END = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"
_ENCRYPTED = 0x1
"""Bit of an entry's flags."""


class ArchiveError(ValueError):
    """The file is not a zip archive, or can be read in more than one way; the message says why."""


class MoreThanTensorsError(ValueError):
    """A pickle in an archive names something that no tensor needs; it was not looked up."""


def is_zip(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a zip archive."""
    return head.startswith(_LOCAL)


class Archive:
    """The entries of a zip archive of PyTorch, named without the folder in which all of them lie.

    Parameters
    ----------
    file : binary file
        Open for reading and seekable.

    Raises
    ------
    ArchiveError
        If the file is no zip archive; if it has bytes before, between or after its entries, two entries with the
        same name apart from case, names that leave the folder, encryption, or an unknown compression; or if it has
        too many entries, or they unpack to far more bytes than the file has.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        size = file.seek(0, io.SEEK_END)
        start = _directory_start(file, size)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
            raise ArchiveError(f"damaged archive ({error})") from error
        entries = self._zip.infolist()
        if not entries:
            raise ArchiveError("empty archive")
        _check_names(entries)
        _check_layout(file, entries, start)
        _check_growth(entries, size)
        folder = entries[0].filename.partition("/")[0] + "/"
        files = (each for each in entries if not each.is_dir())
        self._entries = {each.filename.removeprefix(folder): each for each in files}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """Names of all entries, in the order of the file."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """Unpacked bytes of an entry, as the directory claims; KeyError if there is none."""
        return self._entries[name].file_size

    def read(self, name: str, most: int | None = None) -> bytes:
        """Unpack an entry.

        Parameters
        ----------
        name : str
            Without the folder of the archive.
        most : int, optional
            Bytes that it may have.

        Raises
        ------
        ArchiveError
            If there is no such entry, it is larger, or it is damaged.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise ArchiveError(f"has no entry {name!r}")
        if most is not None and entry.file_size > most:
            raise ArchiveError(f"{name} has {entry.file_size:,} bytes, more than {most:,}")
        try:
            data = self._zip.read(entry)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise ArchiveError(f"{name} is damaged ({error})") from error
        if len(data) != entry.file_size:
            raise ArchiveError(f"{name} is damaged (wrong size)")
        return data


def write_archive(entries: Mapping[str, bytes], folder: str = "archive") -> bytes:
    """Write entries as a zip archive without compression, in one folder, as PyTorch reads them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            # without a time, so that equal entries give equal bytes
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data)
    return file.getvalue()


def _directory_start(file: BinaryIO, size: int) -> int:
    """Offset of the central directory, which must end where the file ends."""
    file.seek(max(0, size - 98))
    tail = file.read(98)
    end = tail[-22:]
    if len(end) < 22 or not end.startswith(_CENTRAL_END):
        raise ArchiveError("no end of the archive")
    disk, first_disk, here, count, length, start, comment = struct.unpack("<4H2LH", end[4:])
    after = size - 22
    wide = tail[-98:-42]
    if wide.startswith(_ZIP64_END):
        count, length, start = struct.unpack("<3Q", wide[32:])
        here, after = count, size - 98
    if disk or first_disk or comment or here != count:
        raise ArchiveError("archive with a comment or in several parts")
    if count > _MOST_ENTRIES or length > _MOST_DIRECTORY:
        raise ArchiveError(f"{count:,} entries")
    if start + length != after:
        raise ArchiveError("several directories, or bytes before or after the archive")
    return int(start)


def _check_names(entries: Iterable[zipfile.ZipInfo]) -> None:
    entries = list(entries)
    folder = entries[0].filename.partition("/")[0] + "/"
    seen: set[str] = set()
    for each in entries:
        name = each.filename
        inner = name.removeprefix(folder)
        # some archives were packed by hand and have entries for folders
        parts = inner.removesuffix("/").split("/") if inner else [folder]
        # the name as it is stored: zipfile cuts it at a zero byte and turns other separators into slashes
        odd = (
            name != each.orig_filename or name[:1] == "/" or "\\" in name or not name.isprintable()
        )
        if odd or inner == name or not all(parts) or {".", ".."} & set(parts):
            raise ArchiveError(f"entry with the name {name[:80]!r}")
        if name.casefold() in seen:
            raise ArchiveError(f"two entries with the name {name[:80]!r}")
        seen.add(name.casefold())
        if each.flag_bits & _ENCRYPTED:
            raise ArchiveError("encrypted entries")
        if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("entries with an unknown compression")


def _check_layout(file: BinaryIO, entries: Iterable[zipfile.ZipInfo], end: int) -> None:
    """See that the entries follow each other from the first byte of the file to the directory."""
    expected = {0}
    for each in sorted(entries, key=lambda entry: entry.header_offset):
        if each.header_offset not in expected:
            raise ArchiveError("bytes outside of its entries")
        file.seek(each.header_offset)
        header = file.read(30)
        if len(header) < 30 or not header.startswith(_LOCAL):
            raise ArchiveError("entries that do not begin where the directory claims")
        name_length, extra_length = struct.unpack("<2H", header[26:])
        name = file.read(name_length)
        if name.decode("utf-8", "replace") != each.filename:
            raise ArchiveError("entries with other names than the directory claims")
        data_end = file.tell() + extra_length + each.compress_size
        expected = {data_end + trailer for trailer in _TRAILERS}
    if end not in expected:
        raise ArchiveError("bytes outside of its entries")


def _check_growth(entries: Iterable[zipfile.ZipInfo], size: int) -> None:
    unpacked = 0
    for each in entries:
        unpacked += each.file_size
        stored = each.compress_type == zipfile.ZIP_STORED
        if (stored and each.file_size != each.compress_size) or (each.is_dir() and each.file_size):
            raise ArchiveError("entries of two different sizes")
    if unpacked > max(_FREE_GROWTH, _MOST_GROWTH * size):
        raise ArchiveError(f"{size:,} bytes that unpack to {unpacked:,}")
