"""Writing in two steps: a file appears in its place when it is complete and was found to be right."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["appearing"]


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a place of the same name to write to, and move the file to its own place at the end.

    Parameters
    ----------
    path : Path
        Its folder is created; a file that stands there is replaced.

    Yields
    ------
    Path
        In a new folder beside it, which is removed with all that is in it; so an error leaves no file, and the
        old one where it was.

    Raises
    ------
    FileWriteError
        If nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".napari-sr-") as folder:
            draft = Path(folder, path.name)
            yield draft
            os.replace(draft, path)
    except FileWriteError:
        raise
    except OSError as error:
        raise FileWriteError(f"{path}: cannot be written ({error.strerror or error})") from error
