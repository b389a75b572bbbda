"""Which files a call reads and writes, decided before the first one is opened."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Job:
    """One image to read and where its result goes."""

    source: Path
    """A file, or a Zarr folder."""
    target: Path
    """Written beside and renamed."""


def plan_jobs(
    inputs: Sequence[str],
    out: Path,
    *,
    readable: Iterable[str],
    writable: Iterable[str],
    fallback: str = ".tif",
) -> tuple[Job, ...]:
    """Pair each input image with its output.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (searched recursively) and glob patterns.
    out : Path
        A file, if one file goes in and the name has a writable suffix; else a folder, in which
        names and subfolders are kept.
    readable, writable : iterable of str
        Suffixes with dot, lower case.
    fallback : str
        Suffix of outputs whose input's format cannot be written.

    Returns
    -------
    tuple of Job
        In the order of the inputs, names sorted within folders.

    Raises
    ------
    InputError
        If nothing is found, two images would become one file, or an output is its own input.
    """
    can_read, can_write = tuple(readable), tuple(writable)
    found = [pair for text in inputs for pair in _expand(text, out, can_read)]
    if not found:
        raise InputError(f"no images found in {', '.join(inputs)}")
    if _is_one_file(inputs, out, can_write):
        jobs = [Job(found[0][0], out)]
    else:
        if out.is_file():
            raise InputError(f"{out} is a file; several images need a folder")
        jobs = [Job(source, out / _kept(name, can_write, fallback)) for source, name in found]
    _check(jobs)
    return tuple(jobs)


def suffix_of(path: Path, suffixes: Iterable[str]) -> str:
    """Longest of some suffixes that a name ends in, ``.ome.tif`` before ``.tif``.

    Parameters
    ----------
    path : Path
        Any.
    suffixes : iterable of str
        With dot, lower case.

    Returns
    -------
    str
        Empty if there is none.
    """
    name = path.name.lower()
    return max((s for s in suffixes if name.endswith(s)), key=len, default="")


def _expand(text: str, out: Path, readable: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """Yield the images of an input with the name, subfolders included, that each keeps."""
    path = Path(text)
    if not path.exists() and glob.has_magic(text):
        base = Path(*_before_magic(path))
        hits = [Path(hit) for hit in sorted(glob.glob(text, recursive=True))]
        found: Iterable[Path] = (hit for hit in hits if suffix_of(hit, readable))
    elif path.is_dir() and not suffix_of(path, readable):
        base, found = path, _walk(path, readable)
    else:
        base, found = path.parent, [path]
    # Results in a folder among the images must not be upscaled again.
    below = out.resolve()
    skip = base.resolve() in below.parents and below.is_dir()
    for hit in found:
        if not (skip and hit.resolve().is_relative_to(below)):
            yield hit, hit.relative_to(base)


def _walk(folder: Path, readable: tuple[str, ...]) -> Iterator[Path]:
    """Yield images below a folder, sorted; hidden ones are left out, Zarr folders are one image."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if suffix_of(path, readable):
            yield path
        elif path.is_dir():
            yield from _walk(path, readable)


def _before_magic(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _is_one_file(inputs: Sequence[str], out: Path, writable: tuple[str, ...]) -> bool:
    alone = len(inputs) == 1 and not glob.has_magic(inputs[0])
    folder_in = alone and Path(inputs[0]).is_dir() and not inputs[0].lower().endswith(".zarr")
    return alone and not folder_in and not _is_folder(out) and bool(suffix_of(out, writable))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() != ".zarr"


def _kept(name: Path, writable: tuple[str, ...], fallback: str) -> Path:
    return name if suffix_of(name, writable) else name.with_suffix(fallback)


def _check(jobs: Sequence[Job]) -> None:
    taken: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target == job.source.resolve():
            raise InputError(
                f"{job.source} would be overwritten by its own result; choose another -o"
            )
        if target in taken:
            raise InputError(f"{taken[target]} and {job.source} would both become {job.target}")
        taken[target] = job.source
