"""An image with all that a file says about it: the one value that readers give and writers take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_sr.errors import InputError
from napari_sr.io._units import PIXEL

if TYPE_CHECKING:
    from typing import TypeAlias

    import dask.array as da
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any] | da.Array


@dataclass(frozen=True, slots=True)
class Channel:
    """What a file says about one channel; None where it says nothing."""

    name: str | None = None
    """Shown to the user, such as ``"DAPI"``."""
    color: str | None = None
    """Display color as ``"#rrggbb"``."""
    window: tuple[float, float] | None = None
    """Intensities shown as black and as the full color."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageFile:
    """An image and its place in the world, whatever format it came from.

    Empty ``scale``, ``translation`` and ``units`` are filled with 1, 0 and ``"pixel"``.
    """

    data: Array
    """Pixels; a lazy dask array where the file is large or chunked."""
    axes: str
    """One letter a dimension: T, Z, C, Y, X, and S (always last) for RGB(A) samples."""
    scale: tuple[float, ...] = ()
    """World size of one pixel along each axis; 1 along C and S."""
    translation: tuple[float, ...] = ()
    """World position of the centre of the first pixel along each axis."""
    units: tuple[str, ...] = ()
    """Unit of the world along each axis, by its full name; ``"pixel"`` where unknown."""
    channels: tuple[Channel, ...] = ()
    """One for each position along C; empty where the file says nothing."""
    levels: tuple[Array, ...] = ()
    """Smaller versions of the data that the file holds, finest first, without ``data`` itself."""
    name: str = ""
    """File name without its suffix."""
    metadata: dict[str, Any] = field(default_factory=dict)
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

    def of(self, key: str, axis: str) -> Any:
        """Value of ``scale``, ``translation`` or ``units`` along one axis.

        Parameters
        ----------
        key : {"scale", "translation", "units"}
            Which.
        axis : str
            A letter of ``axes``.

        Returns
        -------
        float or str
            The value.
        """
        return getattr(self, key)[self.axes.index(axis)]
