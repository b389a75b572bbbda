"""Where a tile lies: the one thing that attention needs to know to act as it would on the whole image.

Attention that looks beyond any window (statistics of the whole image, maps on a coarse grid that is stretched over it)
gives another result on a tile than on the image: up to half the range, as visible seams, whatever the halo. A `Frame`
tells such layers which part of which image they are given. Everything else in a network ignores it, and
without a frame the tile *is* the image, as published.

Tiles without seams, for a network that is a `FramedNetwork`:

1. Cut tiles whose origins (halo included) are multiples of ``network.alignment`` and whose sides are at least
   ``network.minimum_size``. A tile that ends at the image's border must really end there, so with an alignment of 6 and
   tiles of one shape a side is congruent to the image's side modulo 6.
2. If ``network.statistics_layers`` is not 0, first run all tiles with ``gather`` set, and hand what was gathered to the
   next pass as ``statistics``. Each pass makes one more layer exact; `ChannelStatistics.distance` tells when
   it has settled.
3. Run all tiles with those ``statistics``; keep each tile's interior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from napari_sr.architectures.statistics import ChannelStatistics

__all__ = ["Box", "Frame", "FramedNetwork", "Gathered"]

Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a part of a tile, in low-resolution pixels; the last two are exclusive."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of a batch of tiles in their image."""

    size: tuple[int, int]
    """Height and width of the whole image, low-resolution pixels."""
    origins: tuple[tuple[int, int], ...]
    """For each tile of the batch, the image's row and column of its first pixel, halo included."""
    interiors: tuple[Box, ...] | None = None
    """For each tile, the part that counts in the statistics: without overlap, together the image. None: all of it."""
    statistics: ChannelStatistics | None = None
    """Statistics of the whole image to use instead of the tile's own; the object that is gathered into may stand
    here, too: then the statistics of all tiles so far are used."""
    gather: ChannelStatistics | None = None
    """Where to add the statistics of these tiles' interiors."""
    last: int | None = None
    """The layer after whose statistics nothing more is wanted: the network stops there, by raising `Gathered`."""

    def strided(self, stride: int) -> Frame:
        """The same frame in pixels of features that are ``stride`` times coarser."""
        boxes = self.interiors and tuple(
            (top // stride, left // stride, -(-bottom // stride), -(-right // stride))
            for top, left, bottom, right in self.interiors
        )
        return replace(
            self,
            size=(-(-self.size[0] // stride), -(-self.size[1] // stride)),
            origins=tuple((y // stride, x // stride) for y, x in self.origins),
            interiors=boxes,
        )


class Gathered(Exception):
    """Stops a network when the last statistics are gathered; what comes behind would be computed for nothing."""


class FramedNetwork(nn.Module):
    """A network whose ``forward`` takes a `Frame` beside the tile."""

    scale: int
    """Output pixels per input pixel."""
    in_channels: int
    """1 or 3."""
    alignment: int = 1
    """Origins of tiles must be multiples of this many pixels."""
    minimum_size: int = 1
    """The smallest height and width that the network can take."""
    statistics_layers: int = 0
    """How many layers use statistics of the whole image: passes until all are exact."""
    reach: int | None = None
    """Radius in pixels beyond which an input pixel acts through statistics alone; None for strided attention, whose
    sight is wide but fades."""
