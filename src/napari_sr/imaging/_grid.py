"""Where a finer grid of the same picture lies in the world.

Pixel centers are at integer indices, so the first of the f finer pixels that share a coarse pixel is centered
(1/f - 1)/2 coarse pixels before it: the grid shrinks *and* moves by half a pixel of each grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["finer_coordinates", "finer_grid", "output_length"]


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
