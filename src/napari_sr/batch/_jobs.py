"""Which files a call reads and writes, decided before the first one is opened."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import InputError
from napari_sr.io import READABLE_SUFFIXES, WRITABLE_SUFFIXES, is_ome_zarr

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["FileJob", "find_jobs", "suffix_of"]

_FALLBACK = ".tif"
"""Suffix of results whose source has a format that cannot be written: TIFF holds every type and pixel size."""


@dataclass(frozen=True, slots=True)
class FileJob:
    """An image file to upscale and the file that it becomes."""

    source: Path
    """A file, or a Zarr folder."""
    target: Path
    """The result, or where it will be."""


def find_jobs(inputs: Sequence[str], out: str) -> tuple[FileJob, ...]:
    """Pair each input image with its output.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders (searched recursively) and glob patterns.
    out : str
        A file, if there is one input image and the name has a suffix. Otherwise, or if it ends with a slash, a folder,
        in which names and subfolders are kept.

    Returns
    -------
    tuple of FileJob
        In the order of the inputs; names within folders are sorted.

    Raises
    ------
    InputError
        If no image is found, two images would become one file, or an output is its own input.
    """
    target = Path(out)
    found = [pair for text in inputs for pair in _expand(text, target)]
    if not found:
        raise InputError(f"no images found in {', '.join(inputs)}")
    if _is_one_image(inputs) and _names_a_file(out):
        jobs = [FileJob(found[0][0], target)]
    else:
        if target.is_file():
            raise InputError(f"{out} is a file; several images need a folder")
        jobs = [FileJob(source, target / _writable(name)) for source, name in found]
    _check(jobs)
    return tuple(jobs)


def suffix_of(path: Path, suffixes: Iterable[str]) -> str:
    """Longest of some suffixes that a name ends in, such as ``.ome.tif`` rather than ``.tif``.

    Parameters
    ----------
    path : Path
        Any.
    suffixes : iterable of str
        With dot, lowercase.

    Returns
    -------
    str
        Empty if there is none.
    """
    name = path.name.lower()
    return max((s for s in suffixes if name.endswith(s)), key=len, default="")


def _is_readable(path: Path) -> bool:
    return bool(suffix_of(path, READABLE_SUFFIXES)) or is_ome_zarr(path)


def _expand(text: str, out: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the images of an input, each with the name, subfolders included, that its result keeps."""
    path = Path(text)
    if not path.exists() and glob.has_magic(text):
        base = _fixed_part(path)
        hits = [Path(hit) for hit in sorted(glob.glob(text, recursive=True))]
        found: Iterable[Path] = (hit for hit in hits if _is_image(hit, base))
    elif path.is_dir() and not _is_readable(path):
        base, found = path, _walk(path)
    else:
        base, found = path.parent, [path]
    # Results in a folder among the images must not be upscaled again.
    below = out.resolve()
    skip = base.resolve() in below.parents and below.is_dir()
    for hit in found:
        if not (skip and hit.resolve().is_relative_to(below)):
            yield hit, hit.relative_to(base)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield images below a folder, sorted; hidden ones are left out, and a Zarr folder is one image."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if _is_readable(path):
            yield path
        elif path.is_dir():
            yield from _walk(path)


def _is_image(hit: Path, base: Path) -> bool:
    """Whether a match of a pattern is an image, and not a file within a Zarr folder."""
    within = hit.relative_to(base).parents
    return _is_readable(hit) and not any(map(_is_readable, within))


def _fixed_part(path: Path) -> Path:
    """The folders of a pattern before its first wildcard."""
    parts: list[str] = []
    for part in path.parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


def _is_one_image(inputs: Sequence[str]) -> bool:
    path = Path(inputs[0])
    pattern = glob.has_magic(inputs[0]) and not path.exists()
    folder = path.is_dir() and not _is_readable(path)
    return len(inputs) == 1 and not pattern and not folder


def _names_a_file(out: str) -> bool:
    path = Path(out)
    known = bool(suffix_of(path, WRITABLE_SUFFIXES))
    folder = path.is_dir() and not (known and path.suffix.lower() == ".zarr")
    if folder or out.endswith(("/", os.sep)) or not path.suffix:
        return False
    if not known:
        raise InputError(
            f"{path.name}: cannot write {path.suffix}; use {', '.join(WRITABLE_SUFFIXES)}, "
            "or end the name with / for a folder"
        )
    return True


def _writable(name: Path) -> Path:
    return name if suffix_of(name, WRITABLE_SUFFIXES) else name.with_suffix(_FALLBACK)


def _check(jobs: Sequence[FileJob]) -> None:
    taken: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target == job.source.resolve():
            raise InputError(
                f"{job.source} would be overwritten by its own result; choose another output"
            )
        if target in taken:
            raise InputError(f"{taken[target]} and {job.source} would both become {job.target}")
        taken[target] = job.source
