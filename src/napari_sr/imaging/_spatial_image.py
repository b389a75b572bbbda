"""An image and its place in the world: the value that readers and layers give, and writers and layers take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging._axes import finer_grid
from napari_sr.imaging._units import PIXEL, unit_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["Array", "Channel", "SpatialImage", "plane_distance"]

Array: TypeAlias = "NDArray[Any] | da.Array"
"""Pixels in memory, or read where they are needed."""

EQUAL_SIZES = 1e-3
"""Relative difference below which two pixel sizes count as equal; files round them to about four digits."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Name, color and display limits of one channel; None where they are unknown."""

    name: str | None = None
    """Shown to the user, such as ``"DAPI"``."""
    color: str | None = None
    """Display color as ``"#rrggbb"``."""
    window: tuple[float, float] | None = None
    """Intensities shown as black and as the full color."""


@dataclass(frozen=True, slots=True, eq=False)
class SpatialImage:
    """Pixels with their axes, pixel size, position, units and channels.

    Empty `scale`, `translation` and `units` are filled with 1, 0 and ``"pixel"``.
    """

    data: Array
    """Pixels: a NumPy array, or a dask array where the image is large or chunked."""
    axes: str
    """One letter a dimension: T, Z, C, Y, X, others for further stacks, and S (always last) for RGB(A) samples."""
    scale: tuple[float, ...] = ()
    """Pixel size along each axis, in world units; 1 along C and S. Negative where an axis is flipped."""
    translation: tuple[float, ...] = ()
    """World position of the center of the first pixel along each axis."""
    units: tuple[str, ...] = ()
    """Unit of the world along each axis, by its full name; ``"pixel"`` where unknown."""
    channels: tuple[Channel, ...] = ()
    """One for each position along C; empty where nothing is known of them."""
    levels: tuple[Array, ...] = ()
    """Smaller versions of the data, finest first, without `data` itself."""
    linear: NDArray[np.float64] | None = None
    """Rotation · shear of the axes in the world, shape (n, n); None where they are those of the world."""
    name: str = ""
    """Name for people, such as the file name without its suffix."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Further facts: format, ICC profile, source."""

    def __post_init__(self) -> None:
        if len(self.axes) != self.data.ndim or len(set(self.axes)) != len(self.axes):
            raise InputError(f"axes {self.axes!r} do not name the dimensions of {self.data.shape}")
        if "S" in self.axes[:-1]:
            raise InputError(f"axes {self.axes!r}: color samples (S) must come last")
        for key, default in (("scale", 1.0), ("translation", 0.0), ("units", PIXEL)):
            given = tuple(getattr(self, key)) or (default,) * self.data.ndim
            if len(given) != self.data.ndim:
                raise InputError(f"{key} has {len(given)} values for the axes {self.axes!r}")
            object.__setattr__(self, key, tuple(type(default)(value) for value in given))

    @property
    def rgb(self) -> bool:
        """Whether the last axis holds RGB or RGBA samples."""
        return self.axes.endswith("S")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one pixel value."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def lazy(self) -> bool:
        """Whether the data are read only where they are needed."""
        return not isinstance(self.data, np.ndarray)

    def size_along(self, axis: str) -> float:
        """Pixel size along the axis of a letter."""
        return self.scale[self.axes.index(axis)]

    def position_along(self, axis: str) -> float:
        """World position of the first pixel along the axis of a letter."""
        return self.translation[self.axes.index(axis)]

    def unit_along(self, axis: str) -> str:
        """Unit of the world along the axis of a letter."""
        return self.units[self.axes.index(axis)]

    def finer(self, data: Array, factors: Mapping[str, float], **changes: Any) -> SpatialImage:
        """The image that upscaled pixels make: smaller pixels in the same place.

        Parameters
        ----------
        data : array
            The upscaled pixels, axes as here.
        factors : mapping of str to float
            Output pixels per input pixel along axes that were enlarged.
        **changes
            Further fields to replace.

        Returns
        -------
        SpatialImage
            Each block of output pixels lies where its input pixel lay. It has no levels.
        """
        along = [float(factors.get(axis, 1.0)) for axis in self.axes]
        scale, translation = finer_grid(self.scale, self.translation, along, self.linear)
        return replace(self, data=data, scale=scale, translation=translation, levels=(), **changes)

    def relabeled(self, axes: str | None) -> SpatialImage:
        """The image with other axis letters, for where a file names them wrongly.

        Parameters
        ----------
        axes : str or None
            One letter a dimension, in either case; None for no change.

        Returns
        -------
        SpatialImage
            Pixel size, position and unit of an axis follow its letter; those of new letters are unknown.
        """
        if axes is None or axes.upper() == self.axes:
            return self
        letters = axes.upper()

        def follow(values: Sequence[Any], unknown: Any) -> tuple[Any, ...]:
            known = dict(zip(self.axes, values, strict=True))
            return tuple(known.get(letter, unknown) for letter in letters)

        return replace(
            self,
            axes=letters,
            scale=follow(self.scale, 1.0),
            translation=follow(self.translation, 0.0),
            units=follow(self.units, PIXEL),
            channels=self.channels if "C" in letters else (),
            levels=(),
        )


def plane_distance(image: SpatialImage) -> float | None:
    """Distance of two planes along Z, in pixels.

    Parameters
    ----------
    image : SpatialImage
        Of any axes. Units are converted: planes of 300 nm are 1.5 pixels of 0.2 µm apart.

    Returns
    -------
    float or None
        None where it is unknown: no Z or a single plane, no pixel sizes, units of different kinds, or pixels that
        are not square.
    """
    if "Z" not in image.axes:
        return None
    unit = image.unit_along("X")
    ratios = [unit_ratio(image.unit_along(axis), unit) for axis in "ZYX"]
    if image.shape[image.axes.index("Z")] < 2 or None in ratios:
        return None
    z, y, x = (
        abs(image.size_along(axis)) * (ratio or 1.0)
        for axis, ratio in zip("ZYX", ratios, strict=True)
    )
    unknown = z == y == x == 1 and unit == PIXEL
    if unknown or abs(y - x) > EQUAL_SIZES * max(y, x) or min(z, y, x) <= 0:
        return None
    return z / math.sqrt(y * x)
