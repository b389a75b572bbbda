"""Which files a call reads and writes, decided before the first one is opened."""

from __future__ import annotations

import glob
import os
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
    out: str,
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
    out : str
        A file, if one image goes in and the name has a suffix; else, or if it ends with a slash, a
        folder, in which names and subfolders are kept.
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
    target, can_read, can_write = Path(out), tuple(readable), tuple(writable)
    found = [pair for text in inputs for pair in _expand(text, target, can_read)]
    if not found:
        raise InputError(f"no images found in {', '.join(inputs)}")
    if _is_one_image(inputs, can_read) and _names_a_file(out, can_write):
        jobs = [Job(found[0][0], target)]
    else:
        if target.is_file():
            raise InputError(f"{out} is a file; several images need a folder")
        jobs = [Job(source, target / _kept(name, can_write, fallback)) for source, name in found]
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
        found: Iterable[Path] = (hit for hit in hits if _is_image(hit, base, readable))
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


def _is_image(hit: Path, base: Path, readable: tuple[str, ...]) -> bool:
    """Whether a match of a pattern is an image, and not a part of one: a Zarr folder holds files."""
    within = hit.relative_to(base).parents
    return bool(suffix_of(hit, readable)) and not any(suffix_of(p, readable) for p in within)


def _before_magic(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _is_one_image(inputs: Sequence[str], readable: tuple[str, ...]) -> bool:
    path = Path(inputs[0])
    pattern = glob.has_magic(inputs[0]) and not path.exists()
    folder = path.is_dir() and not suffix_of(path, readable)
    return len(inputs) == 1 and not pattern and not folder


def _names_a_file(out: str, writable: tuple[str, ...]) -> bool:
    path = Path(out)
    known = bool(suffix_of(path, writable))
    folder = path.is_dir() and not (known and path.suffix.lower() == ".zarr")
    if folder or out.endswith(("/", os.sep)) or not path.suffix:
        return False
    if not known:
        raise InputError(
            f"{path.name}: cannot write {path.suffix}; use {', '.join(writable)}, "
            "or end the name with / for a folder"
        )
    return True


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
