"""OME-Zarr written region by region: as large as the disk, and resumed where it was interrupted.

While it is written, the folder ``name.zarr.partial`` contains the image, its layout, and an empty file for each region
that is done. A region counts as done only after its pixels are on disk, so the process may be killed at any time.
Finishing computes the coarser levels and renames the image into place.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._files import check_folder, write_text
from napari_sr.errors import FileWriteError
from napari_sr.io._record import evaluate
from napari_sr.io.zarr._pyramid import downsample2
from napari_sr.io.zarr._store import complete_metadata, create_image, open_level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_sr.io._record import Record
    from napari_sr.io.zarr._layout import Region, ZarrLayout

__all__ = ["OmeZarrWriter"]


class OmeZarrWriter:
    """Writes one OME-Zarr image, out of core and resumable; can be pickled to other processes.

    Parameters
    ----------
    path : str or Path
        The target, ending in ``.zarr``. A folder that is there before is replaced when everything is written.
    layout : ZarrLayout
        The image to be written.
    key : mapping, optional
        JSON that distinguishes this job from others (input, model, options). What an interrupted run left behind is
        continued if it had the same layout and key, and is deleted otherwise.

    Raises
    ------
    FileWriteError
        If the folder cannot be written to.
    """

    def __init__(
        self, path: str | Path, layout: ZarrLayout, *, key: Mapping[str, Any] | None = None
    ) -> None:
        self.path = Path(path)
        self.layout = layout
        self.resumed = False
        """Whether an interrupted run with the same layout and key is continued."""
        self._key = dict(key or {})
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._image = self._partial / "image"
        self._arrays: dict[int, Any] = {}
        check_folder(self.path)
        with self._os_errors_named():
            self._restore_replaced()
            self.resumed = self._found_state() == self._wanted_state()
            if not self.resumed:
                self._create()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.layout, self._key)

    def pending(self, level: int = 0) -> list[Region]:
        """Regions of a level that are not written yet.

        Parameters
        ----------
        level : int
            0 is the finest, the only one that a caller writes.

        Returns
        -------
        list of tuple of slice
            In order.
        """
        done = {mark.name for mark in (self._partial / "done").iterdir()}
        return [r for r in self.layout.regions(level) if _mark_name(level, r) not in done]

    def write(self, region: Region, block: NDArray[Any], level: int = 0) -> None:
        """Write the pixels of one region and mark it as done.

        Parameters
        ----------
        region : tuple of slice
            One of `pending`.
        block : array
            Its pixels, of the layout's dtype.
        level : int
            0 is the finest, the only one that a caller writes.

        Raises
        ------
        FileWriteError
            If the block does not fit, or the disk is full.
        """
        shape = tuple(cut.stop - cut.start for cut in region)
        if block.shape != shape or block.dtype != np.dtype(self.layout.dtype):
            raise FileWriteError(
                f"{self.path.name}: a block of {block.dtype} {block.shape} does not fit the region "
                f"of {self.layout.dtype} {shape}"
            )
        with self._os_errors_named():
            self._array(level)[region] = block
            (self._partial / "done" / _mark_name(level, region)).touch()

    def finish(self, record: Record | None = None) -> Path:
        """Write the coarser levels and the metadata, and move the image into place.

        Parameters
        ----------
        record : mapping or callable, optional
            How the image was made, as JSON can hold it; a function is called without arguments.

        Returns
        -------
        Path
            The target.

        Raises
        ------
        FileWriteError
            If regions are missing, or the target cannot be replaced.
        """
        for _ in self.finish_steps(record):
            pass
        return self.path

    def finish_steps(self, record: Record | None = None) -> Iterator[tuple[int, int]]:
        """Do as `finish` does, step by step, so that it can be watched and canceled.

        Parameters
        ----------
        record : mapping or callable, optional
            As for `finish`.

        Yields
        ------
        done, total : int
            Regions of the coarser levels.

        Raises
        ------
        FileWriteError
            As `finish`.
        """
        if missing := len(self.pending()):
            raise FileWriteError(f"{self.path.name}: {missing} regions have not been written")
        todo = [(k, r) for k in range(1, self.layout.levels) for r in self.pending(k)]
        for done, (level, region) in enumerate(todo, 1):
            finer = self._array(level - 1)[self.layout.finer(level, region)]
            self.write(region, downsample2(np.asarray(finer)), level)
            yield done, len(todo)
        with self._os_errors_named():
            complete_metadata(self._image, self.layout, evaluate(record or {}))
            self._put_into_place()

    def _array(self, level: int) -> Any:
        if level not in self._arrays:
            self._arrays[level] = open_level(self._image, level)
        return self._arrays[level]

    def _create(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        (self._partial / "done").mkdir(parents=True)
        create_image(self._image, self.layout)
        # Last: a folder without it is taken for another job's and deleted.
        write_text(self._partial / "layout.json", json.dumps(self._wanted_state()))

    def _found_state(self) -> Any:
        try:
            return json.loads((self._partial / "layout.json").read_text())
        except (OSError, ValueError):
            return None

    def _wanted_state(self) -> Any:
        return json.loads(json.dumps({"layout": self.layout.as_dict(), "key": self._key}))

    def _put_into_place(self) -> None:
        if self.path.exists():
            os.replace(self.path, self._partial / "replaced")
        os.replace(self._image, self.path)
        shutil.rmtree(self._partial, ignore_errors=True)

    def _restore_replaced(self) -> None:
        """Undo a finish that was interrupted between its two renames."""
        replaced = self._partial / "replaced"
        if replaced.exists() and not self.path.exists():
            os.replace(replaced, self.path)

    @contextmanager
    def _os_errors_named(self) -> Iterator[None]:
        """Raise errors of the operating system as `FileWriteError` with the name of the target."""
        try:
            yield
        except FileWriteError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise FileWriteError(f"{self.path}: cannot be written ({reason})") from error


def _reopen(path: Path, layout: ZarrLayout, key: Mapping[str, Any]) -> OmeZarrWriter:
    """The same writer in another process."""
    if not path.with_name(path.name + ".partial").exists():
        raise FileWriteError(f"{path}: is not being written any more")
    return OmeZarrWriter(path, layout, key=key)


def _mark_name(level: int, region: Region) -> str:
    """Name of the file that marks a region as done."""
    return f"{level}-" + ".".join(str(cut.start) for cut in region)
