"""Where a finer grid of the same picture lies in the world.

Pixel centres are at integer indices, so the first of the f finer pixels that share a source pixel does not start at
its centre but at its edge: the grid shrinks *and* moves by half a pixel of each grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["finer_coordinates", "finer_grid", "finer_plane"]


def finer_coordinates(coordinates: ArrayLike, factors: ArrayLike) -> NDArray[np.float64]:
    """Indices in the finer grid of points given as indices in the coarse one.

    Parameters
    ----------
    coordinates : array-like, shape (..., n)
        Fractional indices; the centre of the first pixel is 0.
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
    linear: ArrayLike, scale: ArrayLike, translate: ArrayLike, factors: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and translation of a layer whose pixels are ``factors`` times finer, at the same place.

    Parameters
    ----------
    linear : array-like, shape (n, n)
        Rotation · shear · diag(scale) of the coarse layer.
    scale, translate : array-like, shape (n,)
        Of the coarse layer, in world units.
    factors : array-like, shape (n,)
        Finer pixels per coarse pixel along each axis; 1 where nothing changes.

    Returns
    -------
    scale, translate : array, shape (n,)
        Of the finer layer; rotation, shear and affine stay as they are.
    """
    factor = np.asarray(factors, dtype=np.float64)
    first_centre = (1 / factor - 1) / 2  # of the finer grid, in coarse pixels
    moved = np.asarray(linear, dtype=np.float64) @ first_centre
    return np.asarray(scale, dtype=np.float64) / factor, np.asarray(translate) + moved


def finer_plane(plane: Mapping[str, Any], factors: Sequence[float]) -> dict[str, Any]:
    """A slicing or clipping plane, which napari keeps in data coordinates, for the finer grid.

    Parameters
    ----------
    plane : mapping
        With ``position`` and ``normal``, three numbers each; everything else is kept.
    factors : sequence of float
        Along the axes of the layer; the last three are the plane's.

    Returns
    -------
    dict
        The same plane in the world.
    """
    if len(factors) < 3:
        return dict(plane)
    factor = np.asarray(factors[-3:], dtype=np.float64)
    # a normal is a covector: it scales the other way round
    normal = np.asarray(plane["normal"]) / factor
    return {
        **plane,
        "position": tuple(finer_coordinates(plane["position"], factor).tolist()),
        "normal": tuple((normal / np.linalg.norm(normal)).tolist()),
    }
