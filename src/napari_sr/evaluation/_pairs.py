"""Image pairs: which original belongs to which small image, read as the papers' scripts do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sr.errors import FileReadError, InputError
from napari_sr.imaging import imresize_uint8

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".ppm", ".pgm"})
"""Suffixes that a folder of benchmark images is searched for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An original and, where one was given, its small image."""

    name: str
    """File name of the original, without suffix."""
    hr: Path
    """The original."""
    lr: Path | None = None
    """The small image; None where it is to be made."""


def find_pairs(hr: Path, scale: int, lr: Path | None = None) -> tuple[Pair, ...]:
    """Pair the images of a folder with those of another, by name.

    Parameters
    ----------
    hr : Path
        Folder of originals, or one image.
    scale : int
        Names in ``lr`` may end in it: ``birdx2.png``, ``bird_x2.png`` and ``bird.png`` all
        belong to ``bird.png``.
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


def read_pair(pair: Pair, scale: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Original and small image as 8-bit RGB, cut so that one is exactly ``scale`` times the other.

    Parameters
    ----------
    pair : Pair
        From `find_pairs`.
    scale : int
        Original pixels per pixel of the small image.

    Returns
    -------
    hr, lr : arrays of uint8, shape (Y * scale, X * scale, 3) and (Y, X, 3)
        Without a file the small image is MATLAB's bicubic reduction.

    Raises
    ------
    FileReadError
        If a file is not an 8-bit image.
    InputError
        If the sizes do not belong together.
    """
    hr = read_rgb(pair.hr)
    if pair.lr is None:
        return cut_and_shrink(hr, scale, pair.name)
    lr = read_rgb(pair.lr)
    y, x = (n * scale for n in lr.shape[:2])
    if not (0 <= hr.shape[0] - y < scale and 0 <= hr.shape[1] - x < scale):
        raise InputError(
            f"{pair.lr.name} is {lr.shape[1]} x {lr.shape[0]} pixels, which times {scale} is not "
            f"{pair.hr.name}'s {hr.shape[1]} x {hr.shape[0]}"
        )
    return hr[:y, :x], lr


def cut_and_shrink(
    hr: NDArray[np.uint8], scale: int, name: str = "the image"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut an original to whole multiples of ``scale`` and reduce it as MATLAB's ``imresize`` does.

    Parameters
    ----------
    hr : array of uint8, shape (Y, X, 3)
        The original.
    scale : int
        Original pixels per pixel of the small image.
    name : str
        For the error message.

    Returns
    -------
    hr, lr : arrays of uint8
        The cut original and its reduction.
    """
    y, x = (n // scale * scale for n in hr.shape[:2])
    if not (y and x):
        raise InputError(f"{name} is too small to be reduced {scale} times")
    return hr[:y, :x], imresize_uint8(hr[:y, :x], 1 / scale)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an 8-bit image; grey becomes RGB, as in the scripts behind the published tables.

    Parameters
    ----------
    path : Path
        PNG, BMP, TIFF, JPEG, WebP or PNM; alpha is dropped.

    Returns
    -------
    array of uint8, shape (Y, X, 3)
        Grey as three equal channels. Set14's one grey image scores 1.3 dB more by its studio-swing
        luma than by itself; the tables of IMDN, RLFN and BSRN include this.
    """
    import cv2

    try:
        coded = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise FileReadError(f"{path}: {error.strerror or error}") from error
    image = (
        cv2.imdecode(coded, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
        if coded.size
        else None
    )
    if image is None:
        raise FileReadError(f"{path}: not an image, or damaged")
    if image.dtype != np.uint8:
        raise FileReadError(
            f"{path}: the papers' protocol needs 8 bits a channel, not {image.dtype}"
        )
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., 2::-1])


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
    """Name without what tells original from small image: ``_x2``, ``_HR``, ``_LR``, ``_LRBI``."""
    end = re.compile(rf"(?:[_-]?x{scale}|[_-](?:hr|gt|lr|lrbi|bicubic))$", re.IGNORECASE)
    while (shorter := end.sub("", stem)) not in (stem, ""):
        stem = shorter
    return stem.lower()
