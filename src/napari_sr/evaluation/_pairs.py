"""Image pairs: originals and their small images, matched by name and cut to fit each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sr.errors import InputError
from napari_sr.evaluation._protocol import RGB8

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_sr.evaluation._protocol import Image, Protocol

SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".ppm", ".pgm"})
"""Suffixes of benchmark images: what OpenCV reads without loss of bits."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An original and, where one was given, its small image."""

    name: str
    """File name of the original, without suffix."""
    hr: Path
    """The original."""
    lr: Path | None = None
    """The small image; None if it is made from the original."""


def find_pairs(hr: Path, scale: int, lr: Path | None = None) -> tuple[Pair, ...]:
    """Pair the images of a folder with those of another, by name.

    Parameters
    ----------
    hr : Path
        Folder of originals, or one image.
    scale : int
        Names in ``lr`` may end in it: ``birdx2.png``, ``bird_x2.png`` and ``bird.png`` all belong to ``bird.png``.
    lr : Path, optional
        Folder of small images, one image, or a folder with a subfolder ``X<scale>``.

    Returns
    -------
    tuple of Pair
        Sorted by name.

    Raises
    ------
    InputError
        If there is no original, or an original's small image is missing or ambiguous.
    """
    originals = _images(hr)
    if lr is None:
        return tuple(Pair(path.stem, path) for path in originals)
    small = _images(_scale_folder(lr, scale))
    return tuple(Pair(path.stem, path, _partner(path, small, scale)) for path in originals)


def read_pair(pair: Pair, scale: int, protocol: Protocol = RGB8) -> tuple[Image, Image]:
    """Original and small image, cut so that one is exactly ``scale`` times the other.

    Parameters
    ----------
    pair : Pair
        From `find_pairs`.
    scale : int
        Original pixels per pixel of the small image.
    protocol : Protocol
        How files are read and made smaller; 8-bit RGB and MATLAB's bicubic unless given.

    Returns
    -------
    hr, lr : arrays, shape (Y * scale, X * scale, ...) and (Y, X, ...)
        The small image is made if there is no file.

    Raises
    ------
    FileReadError
        If a file is no image of the protocol's kind.
    InputError
        If the sizes do not belong together.
    """
    hr = protocol.read(pair.hr)
    if pair.lr is None:
        return cut_and_shrink(hr, scale, protocol, pair.name)
    lr = protocol.read(pair.lr)
    y, x = (n * scale for n in lr.shape[:2])
    if not (0 <= hr.shape[0] - y < scale and 0 <= hr.shape[1] - x < scale):
        raise InputError(
            f"{pair.lr.name} is {lr.shape[1]} x {lr.shape[0]} pixels, which times {scale} is not "
            f"{pair.hr.name}'s {hr.shape[1]} x {hr.shape[0]}"
        )
    return hr[:y, :x], lr


def cut_and_shrink(
    hr: Image, scale: int, protocol: Protocol = RGB8, name: str = "the image"
) -> tuple[Image, Image]:
    """Cut an original to whole multiples of ``scale`` and make its small image.

    Parameters
    ----------
    hr : array, shape (Y, X, ...)
        The original.
    scale : int
        Original pixels per pixel of the small image.
    protocol : Protocol
        How it is made smaller; as MATLAB's ``imresize`` does, unless given.
    name : str
        For the error message.

    Returns
    -------
    hr, lr : arrays
        The cut original and its reduction, of the same type.
    """
    y, x = (n // scale * scale for n in hr.shape[:2])
    if not (y and x):
        raise InputError(f"{name} is too small to be reduced {scale} times")
    return hr[:y, :x], protocol.shrink(hr[:y, :x], 1 / scale)


def _images(where: Path) -> list[Path]:
    if where.is_file():
        return [where]
    if not where.is_dir():
        raise InputError(f"{where}: no such file or folder")
    found = sorted(p for p in where.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise InputError(f"{where}: no images in this folder")
    return found


def _scale_folder(lr: Path, scale: int) -> Path:
    named = (lr / f"X{scale}", lr / f"x{scale}")
    return next((folder for folder in named if folder.is_dir()), lr)


def _partner(original: Path, small: Iterable[Path], scale: int) -> Path:
    candidates = list(small)
    found = [p for p in candidates if p.stem == original.stem] or [
        p for p in candidates if _key(p.stem, scale) == _key(original.stem, scale)
    ]
    if len(found) != 1:
        many = ", ".join(p.name for p in found) or "none"
        raise InputError(f"{original.name} needs one small image of its name, found {many}")
    return found[0]


def _key(stem: str, scale: int) -> str:
    """Name in lower case without endings that distinguish small images: ``_x2``, ``_HR``, ``_LR``, ``_LRBI``."""
    end = re.compile(rf"(?:[_-]?x{scale}|[_-](?:hr|gt|lr|lrbi|bicubic))$", re.IGNORECASE)
    while (shorter := end.sub("", stem)) not in (stem, ""):
        stem = shorter
    return stem.lower()
