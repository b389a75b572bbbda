"""Tile context: what attention must know of a tile to act on it as it would on the whole image.

Attention that looks beyond any window (statistics of the whole image, maps on a coarse grid that is resized to it)
gives another result on a tile than on the image: up to half the range, as visible seams, whatever the halo. A
`TileContext` gives such layers the position of the tile in the image, and statistics of the whole image. All other
layers ignore it, and without a context the tile *is* the image, as published.

Tiles without seams, for a network that is a `ContextNetwork`:

1. Cut tiles whose origins (halo included) are multiples of ``network.alignment`` and whose sides are at least
   ``network.minimum_size``. A tile at the image's border must end there, so with an alignment of 6 and tiles of one
   shape a side is congruent to the image's side modulo 6.
2. If ``network.statistics_layers`` is not 0, first run all tiles with ``gather`` set, and give what was gathered to the
   next pass as ``statistics``. Each pass makes one more layer exact; `ChannelStatistics.distance` tells how much
   they still change.
3. Run all tiles with those ``statistics``; keep the interior of each.

Statistics are gathered tile by tile: each adds the mean and the squared deviation of its interior, in the way that
loses no digits (Chan, Golub, LeVeque 1983).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

__all__ = [
    "Box",
    "ChannelStatistics",
    "ContextNetwork",
    "GlobalLayer",
    "StatisticsGathered",
    "TileContext",
    "number_layers",
    "spatial_moments",
]

Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a part of a tile, in low-resolution pixels; the last two are exclusive."""


@dataclass(frozen=True, slots=True)
class TileContext:
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
    """The layer whose statistics are the last that are wanted: there the network raises `StatisticsGathered`."""

    def strided(self, stride: int) -> TileContext:
        """The same context in pixels of features that are ``stride`` times coarser."""
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


class StatisticsGathered(Exception):
    """Stops a network once the last statistics are gathered, since nothing after it is used."""


class ContextNetwork(nn.Module):
    """A network whose ``forward`` takes a `TileContext` beside the tile."""

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


_SMALLEST_VARIANCE = 1e-20
"""Of a constant channel, so that the square root keeps a finite gradient; no float32 result changes by it."""


class GlobalLayer(nn.Module):
    """A layer that uses statistics of the whole image."""

    slot: int = 0
    """Which of its network's layers it is; `number_layers` sets it."""


def number_layers(network: nn.Module) -> int:
    """Give each `GlobalLayer` of a network its number, in the order of definition, and return how many there are."""
    layers = [module for module in network.modules() if isinstance(module, GlobalLayer)]
    for slot, layer in enumerate(layers):
        layer.slot = slot
    return len(layers)


@dataclass(slots=True)
class _Moments:
    """Of one layer: pixels seen, each channel's mean and summed squared deviation (float64, on the CPU)."""

    count: int
    mean: Tensor
    deviation: Tensor

    def merged(self, other: _Moments) -> _Moments:
        """Moments of both sets of pixels together."""
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        between = step**2 * (self.count * other.count / count)
        return _Moments(count, mean, self.deviation + other.deviation + between)


class ChannelStatistics:
    """Mean and standard deviation of each channel over an image, for each `GlobalLayer` of a network.

    Starts empty. Can be pickled, so that statistics of several workers can be merged.
    """

    def __init__(self) -> None:
        self._layers: dict[int, _Moments] = {}

    def __contains__(self, slot: int) -> bool:
        return slot in self._layers

    def observe(
        self, slot: int, features: Tensor, interiors: tuple[Box, ...] | None = None
    ) -> None:
        """Add the pixels of a batch of tiles.

        Parameters
        ----------
        slot : int
            The layer.
        features : tensor, shape (N, C, H, W)
            Its input.
        interiors : tuple of boxes, optional
            The part of each tile that counts; None counts all of it.
        """
        height, width = features.shape[-2:]
        for tile, (top, left, bottom, right) in zip(
            features.detach(), interiors or ((0, 0, height, width),) * len(features), strict=True
        ):
            pixels = tile[:, top:bottom, left:right].flatten(1).float()
            variance, mean = torch.var_mean(pixels, dim=1, correction=0)
            count = pixels.shape[1]
            self._add(slot, _Moments(count, mean.cpu().double(), variance.cpu().double() * count))

    def _add(self, slot: int, moments: _Moments) -> None:
        known = self._layers.get(slot)
        self._layers[slot] = moments if known is None else known.merged(moments)

    def merge(self, other: ChannelStatistics) -> None:
        """Add what another worker has gathered from other tiles of the same image."""
        for slot, moments in other._layers.items():
            self._add(slot, moments)

    def moments(self, slot: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and population standard deviation of a layer's channels.

        Parameters
        ----------
        slot : int
            The layer; KeyError if nothing was gathered for it.
        like : tensor
            Gives device and dtype.

        Returns
        -------
        mean, deviation : tensors, shape (1, C, 1, 1)
        """
        found = self._layers[slot]
        deviation = (found.deviation / found.count).sqrt()
        mean, deviation = (v.to(like).view(1, -1, 1, 1) for v in (found.mean, deviation))
        return mean, deviation

    def distance(self, other: ChannelStatistics) -> float:
        """Largest change of any layer's mean or deviation against ``other``, relative to the layer's magnitude.

        Infinite where one of them lacks a layer that the other has.
        """
        if self._layers.keys() != other._layers.keys():
            return float("inf")
        return max((self._change(other, slot) for slot in self._layers), default=0.0)

    def _change(self, other: ChannelStatistics, slot: int) -> float:
        like = self._layers[slot].mean
        old, new = torch.cat(other.moments(slot, like)), torch.cat(self.moments(slot, like))
        return float((new - old).abs().max() / new.abs().max().clamp_min(1e-12))


def spatial_moments(x: Tensor, slot: int, context: TileContext | None) -> tuple[Tensor, Tensor]:
    """Mean and population standard deviation of each channel: of the tile, or of the whole image if they are known.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W)
        The layer's input.
    slot : int
        The layer that asks.
    context : TileContext, optional
        Where the tiles lie; None: each is an image of its own.

    Returns
    -------
    mean, deviation : tensors, shape (N, C, 1, 1) or (1, C, 1, 1)

    Raises
    ------
    StatisticsGathered
        If that was the last layer of which the context wants statistics.
    """
    if context is not None and context.gather is not None:
        context.gather.observe(slot, x, context.interiors)
        if slot == context.last:
            raise StatisticsGathered
    if context is not None and context.statistics is not None and slot in context.statistics:
        return context.statistics.moments(slot, x)
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).pow(2).mean((2, 3), keepdim=True)
    return mean, variance.clamp_min(_SMALLEST_VARIANCE).sqrt()
