"""Layout of an OME-Zarr image: shape, chunks, levels and placement, decided before anything is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_sr.errors import FileWriteError
from napari_sr.imaging import PIXEL

if TYPE_CHECKING:
    from napari_sr.imaging import Channel

__all__ = ["CHUNK", "ORDER", "Region", "ZarrLayout"]

ORDER = "TCZYX"
"""Order of axes that OME-NGFF prescribes."""

CHUNK = 1024
"""Pixels of a chunk along Y and X unless others are given: 1 to 4 MiB, which a disk or a network delivers at once."""

Region: TypeAlias = tuple[slice, ...]
"""Part of a level that is written at once: whole chunks."""


@dataclass(frozen=True, slots=True)
class ZarrLayout:
    """Shape, chunks, levels and placement of an OME-Zarr image.

    Empty fields are filled: scale 1, translation 0, units ``"pixel"``, chunks of one plane of at most 1024 x 1024
    pixels, and as many levels as make the coarsest one fit into a chunk.
    """

    shape: tuple[int, ...]
    """Of the finest level."""
    dtype: str
    """NumPy's name of the pixel type."""
    axes: str
    """Letters of T, C, Z, Y, X in this order."""
    scale: tuple[float, ...] = ()
    translation: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()
    samples: bool = False
    """Whether C holds the samples of an RGB(A) picture."""
    name: str = ""
    chunks: tuple[int, ...] = ()
    region: tuple[int, ...] = ()
    """Shape of what is written at once: whole chunks along each axis; by default one chunk."""
    levels: int = 0
    """Number of resolution levels, each half the size of the one before along Y and X."""
    version: Literal["0.4", "0.5"] = "0.5"
    """Of OME-NGFF: 0.4 is stored as Zarr 2, 0.5 as Zarr 3."""

    def __post_init__(self) -> None:
        known = "".join(axis for axis in ORDER if axis in self.axes)
        if self.axes != known or not known.endswith("YX") or len(known) != len(self.shape):
            raise FileWriteError(f"OME-Zarr holds axes {ORDER} in this order, not {self.axes}")
        for key, default in (("scale", 1.0), ("translation", 0.0), ("units", PIXEL)):
            if not getattr(self, key):
                object.__setattr__(self, key, (default,) * len(self.shape))
        if not self.chunks:
            object.__setattr__(self, "chunks", self._default_chunks())
        if not self.region:
            object.__setattr__(self, "region", self.chunks)
        if any(r % c for r, c in zip(self.region, self.chunks, strict=True)):
            raise FileWriteError(
                f"regions {self.region} are not multiples of the chunks {self.chunks}"
            )
        if not self.levels:
            size = max(n / CHUNK for n in self.shape[-2:])
            levels = 1
            while size > 1:
                size, levels = size / 2, levels + 1
            object.__setattr__(self, "levels", levels)

    def _default_chunks(self) -> tuple[int, ...]:
        chunk = {"Y": CHUNK, "X": CHUNK, "C": 4 if self.samples else 1}
        return tuple(
            min(n, chunk.get(axis, 1)) for axis, n in zip(self.axes, self.shape, strict=True)
        )

    def factors(self, level: int) -> tuple[int, ...]:
        """Pixels of the finest level per pixel of another, along each axis.

        Parameters
        ----------
        level : int
            0 is the finest.

        Returns
        -------
        tuple of int
            2^level along Y and X, else 1.
        """
        return tuple(2**level if axis in "YX" else 1 for axis in self.axes)

    def level_shape(self, level: int) -> tuple[int, ...]:
        """Shape of a level; an incomplete last block counts as a pixel, so that nothing is cut off.

        Parameters
        ----------
        level : int
            0 is the finest.

        Returns
        -------
        tuple of int
            The shape.
        """
        return tuple(ceil(n / f) for n, f in zip(self.shape, self.factors(level), strict=True))

    def regions(self, level: int = 0) -> list[Region]:
        """Regions that are written at once, in order; together they are the whole level.

        Parameters
        ----------
        level : int
            0 is the finest.

        Returns
        -------
        list of tuple of slice
            Each starts at a multiple of ``region``.
        """
        found: list[Region] = [()]
        for n, step in zip(self.level_shape(level), self.region, strict=True):
            cuts = [slice(i, min(i + step, n)) for i in range(0, n, step)]
            found = [(*head, cut) for head in found for cut in cuts]
        return found

    def finer(self, level: int, region: Region) -> Region:
        """Region of the next finer level from which a region is averaged.

        Parameters
        ----------
        level : int
            From 1 on.
        region : tuple of slice
            Of this level.

        Returns
        -------
        tuple of slice
            Of level - 1.
        """
        sizes = zip(region, self.factors(1), self.level_shape(level - 1), strict=True)
        return tuple(slice(cut.start * f, min(cut.stop * f, n)) for cut, f, n in sizes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values that can be stored as JSON and compared.

        Returns
        -------
        dict
            All fields.
        """
        return asdict(self)
