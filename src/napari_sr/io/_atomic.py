"""Files appear whole or not at all, and what stood there stays until then."""

from __future__ import annotations

import glob
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


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; it becomes the target when all went well.

    Parameters
    ----------
    path : Path
        The target; its folder must exist.

    Yields
    ------
    Path
        A new name in the same folder, with the same suffixes.

    Raises
    ------
    FileWriteError
        If the folder is missing or cannot be written to, or the disk is full. Nothing half-written
        stays behind, and a file that stood at ``path`` before is untouched.
    """
    beside = name_beside(path)
    try:
        check_folder(path)
        sweep(path)
        if path.is_dir():
            raise FileWriteError(f"{path}: a folder of this name stands there")
        yield beside
        os.replace(beside, path)
    except FileWriteError:
        raise
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # it need not have come into being
            beside.unlink(missing_ok=True)


def name_beside(path: Path) -> Path:
    """A hidden name in a file's folder that nobody else takes, and that tells which process did.

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


def sweep(path: Path) -> None:
    """Remove what processes that were killed while they wrote a file have left beside it.

    Parameters
    ----------
    path : Path
        The file. What living processes, or those of another machine, write beside it stays.
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
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def write_bytes(path: Path, coded: bytes) -> None:
    """Write a whole file atomically.

    Parameters
    ----------
    path : Path
        The target.
    coded : bytes
        Its content.

    Raises
    ------
    FileWriteError
        As `atomic_path`.
    """
    with atomic_path(path) as beside:
        beside.write_bytes(coded)


def check_folder(path: Path) -> None:
    """Check that there is a folder for a file to be written into.

    Parameters
    ----------
    path : Path
        Of the file.

    Raises
    ------
    FileWriteError
        If there is none; it is not made, since its name may be a slip.
    """
    if not path.parent.is_dir():
        raise FileWriteError(f"{path}: the folder {path.parent} does not exist")
