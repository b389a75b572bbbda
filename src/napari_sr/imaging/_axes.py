"""Axes: which dimension of an array is what, in one letter each, as tifffile writes them, and their grid of pixels.

Y and X are upscaled. S holds the samples of a pixel: gray, gray and alpha, RGB or RGBA. Every other letter stacks
images that are upscaled one by one; of these only C separates intensities, because fluorescence channels have nothing
in common but their pixels.

Pixel centers are at integer indices, so the first of the f finer pixels that share a coarse pixel is centered
(1/f - 1)/2 coarse pixels before it: a finer grid shrinks *and* moves by half a pixel of each grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ANONYMOUS_AXES",
    "Axes",
    "axes_from_labels",
    "default_axes",
    "distinct_axes",
    "finer_coordinates",
    "finer_grid",
    "output_length",
    "parse_axes",
]

_STACKS = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}
"""Axes of arrays without names, by the number of dimensions: the order of OME-NGFF, with channels in five only."""
_SAMPLES = (1, 2, 3, 4)
"""Samples that a pixel can have: gray, gray and alpha, RGB, RGBA."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of an array, checked against its shape."""

    letters: str
    """One upper-case letter a dimension, e.g. ``"TCYX"``."""
    shape: tuple[int, ...]
    """Length of each dimension."""

    @property
    def y(self) -> int:
        """Index of the dimension Y."""
        return self.letters.index("Y")

    @property
    def x(self) -> int:
        """Index of the dimension X."""
        return self.letters.index("X")

    @property
    def size(self) -> tuple[int, int]:
        """Pixels along Y and X."""
        return self.shape[self.y], self.shape[self.x]

    @property
    def samples(self) -> int:
        """Samples of a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA."""
        return self._length("S")

    @property
    def colors(self) -> int:
        """Samples of a pixel without alpha: 1 or 3."""
        return 3 if self.samples >= 3 else 1

    @property
    def channels(self) -> int:
        """Channels, each with an intensity range of its own."""
        return self._length("C")

    @property
    def stack(self) -> tuple[int, ...]:
        """Indices of the dimensions that stack images, C included, in their order."""
        return tuple(i for i, letter in enumerate(self.letters) if letter not in "YXS")

    @property
    def stack_shape(self) -> tuple[int, ...]:
        """Lengths of the dimensions that stack images."""
        return tuple(self.shape[i] for i in self.stack)

    @property
    def order(self) -> tuple[int, ...]:
        """Permutation that brings an array to stack dimensions, S if there is one, Y, X."""
        samples = (self.letters.index("S"),) if "S" in self.letters else ()
        return (*self.stack, *samples, self.y, self.x)

    def resized(self, size: tuple[int, int]) -> Axes:
        """The same axes with other lengths of Y and X."""
        shape = list(self.shape)
        shape[self.y], shape[self.x] = size
        return Axes(self.letters, tuple(shape))

    def _length(self, letter: str) -> int:
        return self.shape[self.letters.index(letter)] if letter in self.letters else 1


def default_axes(shape: Sequence[int]) -> str:
    """Axes of an array of which nothing but its shape is known.

    Parameters
    ----------
    shape : sequence of int
        Two to five dimensions.

    Returns
    -------
    str
        ``"YX"``; ``"YXS"`` where the last of three dimensions is 3 or 4 long; else Y and X last and stacks before.

    Raises
    ------
    InputError
        If there are fewer or more dimensions.
    """
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "YXS"
    if len(shape) not in _STACKS:
        raise InputError(
            f"an array of shape {tuple(shape)} is no image; name its axes, e.g. axes='TCZYX'"
        )
    return _STACKS[len(shape)]


def parse_axes(axes: str | None, shape: Sequence[int]) -> Axes:
    """Axes of an array, as the user named them or by default.

    Parameters
    ----------
    axes : str or None
        One letter a dimension, in either case and any order; None for `default_axes`.
    shape : sequence of int
        Of the array.

    Returns
    -------
    Axes
        Letters and shape.

    Raises
    ------
    InputError
        If letters and dimensions do not match, Y or X is missing, or S is not 1 to 4 long.
    """
    letters = default_axes(shape) if axes is None else str(axes).upper()
    if len(letters) != len(shape):
        raise InputError(
            f"axes {letters!r} name {len(letters)} dimensions, the image has {len(shape)}"
        )
    if not letters.isalpha() or len(set(letters)) < len(letters):
        raise InputError(
            f"axes {letters!r} must be letters that differ from each other, e.g. 'TCZYX'"
        )
    if "Y" not in letters or "X" not in letters:
        raise InputError(f"axes {letters!r} must contain Y and X, the dimensions to upscale")
    parsed = Axes(letters, tuple(int(n) for n in shape))
    if parsed.samples not in _SAMPLES:
        raise InputError(
            f"axis S of {letters!r} is {parsed.samples} long, but pixels are grey, RGB or RGBA; "
            "name independent channels C"
        )
    return parsed


_MEANINGS = {
    "t": "T", "time": "T", "frame": "T", "frames": "T",
    "z": "Z", "depth": "Z", "plane": "Z", "planes": "Z", "slice": "Z", "slices": "Z",
    "c": "C", "ch": "C", "channel": "C", "channels": "C", "wavelength": "C", "lambda": "C",
    "y": "Y", "row": "Y", "rows": "Y",
    "x": "X", "col": "X", "column": "X", "columns": "X",
}  # fmt: skip
"""Axis names in lower case and the letters that they stand for."""
ANONYMOUS_AXES = "QIRVMPHAEL"
"""Letters for stack axes of unknown meaning, as tifffile uses them."""


def axes_from_labels(labels: Sequence[str], *, rgb: bool = False) -> str:
    """Axis letters from names that people gave, such as napari's ``axis_labels`` or xarray's ``dims``.

    Parameters
    ----------
    labels : sequence of str
        One name for each dimension but the samples of RGB(A). Names may be arbitrary.
    rgb : bool
        Whether the data has RGB(A) samples as a further last dimension.

    Returns
    -------
    str
        Such as ``"TCYX"``, or ``"YXS"`` for RGB. Y and X occur once each: where the names do not tell them, they are
        the last two. Other axes of unknown meaning get letters of `ANONYMOUS_AXES`.
    """
    letters = [_MEANINGS.get(str(label).strip().lower(), "") for label in labels]
    if letters.count("Y") != 1 or letters.count("X") != 1:
        letters = [letter if letter not in ("Y", "X") else "" for letter in letters]
        letters[-2:] = "Y", "X"
    return distinct_axes(letters) + ("S" if rgb else "")


def distinct_axes(letters: Sequence[str]) -> str:
    """Axis letters that differ from each other.

    Parameters
    ----------
    letters : sequence of str
        One for each dimension; empty where its meaning is unknown.

    Returns
    -------
    str
        Unknown and repeated letters are replaced by unused ones of `ANONYMOUS_AXES`.
    """
    spare = (letter for letter in ANONYMOUS_AXES if letter not in letters)
    distinct: list[str] = []
    for letter in letters:
        distinct.append(letter if letter and letter not in distinct else next(spare))
    return "".join(distinct)


def output_length(size: int, factor: float) -> int:
    """Pixels of an enlarged axis: ``round(size · factor)``, at least 1."""
    return max(1, round(size * factor))


def finer_coordinates(coordinates: ArrayLike, factors: ArrayLike) -> NDArray[np.float64]:
    """Indices in the finer grid of points given as indices in the coarse one.

    Parameters
    ----------
    coordinates : array-like, shape (..., n)
        Fractional indices; the center of the first pixel is 0.
    factors : array-like, shape (n,)
        Finer pixels per coarse pixel along each axis.

    Returns
    -------
    array, shape (..., n)
        Fractional indices of the same points in the finer grid.
    """
    factor = np.asarray(factors, dtype=np.float64)
    return (np.asarray(coordinates, dtype=np.float64) + 0.5) * factor - 0.5


def finer_grid(
    scale: Sequence[float],
    translation: Sequence[float],
    factors: Sequence[float],
    linear: NDArray[np.float64] | None = None,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Pixel size and position of a grid whose pixels are ``factors`` times finer, at the same place.

    Parameters
    ----------
    scale, translation : sequence of float, length n
        Pixel size and position of the first pixel's center of the coarse grid, in world units.
    factors : sequence of float, length n
        Finer pixels per coarse pixel along each axis; 1 where nothing changes.
    linear : array, shape (n, n), optional
        Rotation · shear of the grid's axes in the world; without, they are those of the world.

    Returns
    -------
    scale, translation : tuple of float, length n
        Of the finer grid; its rotation and shear are those of the coarse one.
    """
    factor = np.asarray(factors, dtype=np.float64)
    size = np.asarray(scale, dtype=np.float64)
    shift = size * (1 / factor - 1) / 2  # of the first pixel's center, along the grid's axes
    moved = shift if linear is None else np.asarray(linear, dtype=np.float64) @ shift
    position = np.asarray(translation, dtype=np.float64) + moved
    return tuple((size / factor).tolist()), tuple(position.tolist())
