"""Files that appear whole or not at all: written beside their place and renamed."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import socket
import uuid
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from napari_sr.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "atomic_path",
    "check_folder",
    "remove_stale_temporaries",
    "sha256",
    "temporary_path",
    "write_bytes",
    "write_text",
]


@contextmanager
def atomic_path(path: Path, *, make_folder: bool = False) -> Iterator[Path]:
    """Give a path beside a file to write to, which becomes the file when the context ends without an error.

    Parameters
    ----------
    path : Path
        The file to be made or replaced.
    make_folder : bool
        Create its folder if there is none. Otherwise that is an error, since the folder's name may be mistyped.

    Yields
    ------
    Path
        A new name in the same folder, with the same suffixes.

    Raises
    ------
    FileWriteError
        If the folder is missing or cannot be written to, or the disk is full. Nothing half-written
        is left behind, and a file that was at `path` before is untouched.
    """
    beside = temporary_path(path)
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        check_folder(path)
        remove_stale_temporaries(path)
        if path.is_dir():
            raise FileWriteError(f"{path}: is a folder")
        yield beside
        os.replace(beside, path)
    except FileWriteError:
        raise
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # it may never have been created
            beside.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """Unique hidden name in a file's folder that records the process that uses it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Path
        With the same suffixes.
    """
    return path.with_name(f".{_host()}.{os.getpid()}.{uuid.uuid4().hex[:8]}-{path.name}")


def remove_stale_temporaries(path: Path) -> None:
    """Remove temporaries of a file that processes left behind when they were killed.

    Parameters
    ----------
    path : Path
        The file. Temporaries of running processes, and of other machines, are kept.
    """
    import psutil

    for left in path.parent.glob(f".{_host()}.*-{glob.escape(path.name)}*"):
        pid = left.name.split(".")[2]
        if not pid.isdigit() or psutil.pid_exists(int(pid)):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _host() -> str:
    """Short name of this machine: on a shared disk, process numbers of others mean nothing here."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def write_bytes(path: Path, data: bytes, *, make_folder: bool = False) -> None:
    """Write a whole file atomically.

    Parameters
    ----------
    path : Path
        The file.
    data : bytes
        Its contents.
    make_folder : bool
        As for `atomic_path`.

    Raises
    ------
    FileWriteError
        As `atomic_path`.
    """
    with atomic_path(path, make_folder=make_folder) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str, *, make_folder: bool = False) -> None:
    """Write a whole text file atomically, in UTF-8.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        Its contents.
    make_folder : bool
        As for `atomic_path`.

    Raises
    ------
    FileWriteError
        As `atomic_path`.
    """
    write_bytes(path, text.encode(), make_folder=make_folder)


def check_folder(path: Path) -> None:
    """Check that the folder of a file exists.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileWriteError
        If not. It is not created, since its name may be mistyped.
    """
    if not path.parent.is_dir():
        raise FileWriteError(f"{path}: the folder {path.parent} does not exist")


def sha256(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path : Path
        The file; it is read in pieces.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
