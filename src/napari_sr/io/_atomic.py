"""Files appear whole or not at all, and what stood there stays until then."""

from __future__ import annotations

import os
import uuid
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
    beside = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        check_folder(path)
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
