"""OME-Zarr, written region by region: as large as the disk, and resumed where it was interrupted.

While it is written, ``name.zarr.partial`` holds the image, the layout it is to have, and one empty
file for each region that is done. A region counts as done only after its pixels are on disk, so
the process may be killed at any time. Finishing makes the pyramid and renames the image into place.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._files import check_folder
from napari_sr.errors import FileWriteError
from napari_sr.io._pyramid import halved
from napari_sr.io._zarr_store import create_image, describe_channels, open_level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_sr.io._zarr_layout import Region, ZarrLayout


class OmeZarrWriter:
    """Writes one OME-Zarr image, out of core and resumable; can be pickled to other processes.

    Parameters
    ----------
    path : str or Path
        The target, ending in ``.zarr``. Whatever stands there is replaced when all is written.
    layout : ZarrLayout
        What is to be written.
    key : mapping, optional
        JSON that tells one job from another (input, model, options): what an interrupted run with
        another layout or key left behind is thrown away, with the same it is resumed.

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
        """Whether an interrupted run with the same layout and key is being continued."""
        self._key = dict(key or {})
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._image = self._partial / "image"
        self._arrays: dict[int, Any] = {}
        check_folder(self.path)
        with self._io_errors():
            self._restore_replaced()
            self.resumed = self._state() == self._wanted_state()
            if not self.resumed:
                self._create()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.layout, self._key)

    def pending(self, level: int = 0) -> list[Region]:
        """Regions of a level that have still to be written.

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
        return [r for r in self.layout.regions(level) if _mark(level, r) not in done]

    def write(self, region: Region, block: NDArray[Any], level: int = 0) -> None:
        """Write the pixels of one region and note that they are there.

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
        with self._io_errors():
            self._array(level)[region] = block
            (self._partial / "done" / _mark(level, region)).touch()

    def finish(self) -> Path:
        """Make the pyramid and put the image into place.

        Returns
        -------
        Path
            The target.

        Raises
        ------
        FileWriteError
            If regions are missing, or the target cannot be replaced.
        """
        for _ in self.finish_steps():
            pass
        return self.path

    def finish_steps(self) -> Iterator[tuple[int, int]]:
        """Do as `finish` does, step by step, so that it can be watched and cancelled.

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
            self.write(region, halved(np.asarray(finer)), level)
            yield done, len(todo)
        with self._io_errors():
            describe_channels(self._image, self.layout)
            self._put_into_place()

    def _array(self, level: int) -> Any:
        if level not in self._arrays:
            self._arrays[level] = open_level(self._image, level)
        return self._arrays[level]

    def _create(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        (self._partial / "done").mkdir(parents=True)
        create_image(self._image, self.layout)
        # written last: without it the folder is taken for another job's and thrown away
        (self._partial / "layout.json").write_text(json.dumps(self._wanted_state()))

    def _state(self) -> Any:
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
    def _io_errors(self) -> Iterator[None]:
        try:
            yield
        except FileWriteError:
            raise
        except OSError as error:
            reason = error.strerror or error
            raise FileWriteError(f"{self.path}: cannot be written ({reason})") from error


def _reopen(path: Path, layout: ZarrLayout, key: Mapping[str, Any]) -> OmeZarrWriter:
    if not path.with_name(path.name + ".partial").exists():
        raise FileWriteError(f"{path}: is not being written any more")
    return OmeZarrWriter(path, layout, key=key)


def _mark(level: int, region: Region) -> str:
    return f"{level}-" + ".".join(str(cut.start) for cut in region)
