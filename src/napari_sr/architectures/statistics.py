"""Statistics of a whole image's features, gathered tile by tile.

A channel's mean and standard deviation over an image that is never held in memory: each tile adds the mean
and the squared deviation of its interior, in the way that loses no digits (Chan, Golub, LeVeque 1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_sr.architectures.frame import Gathered

if TYPE_CHECKING:
    from napari_sr.architectures.frame import Box, Frame

__all__ = ["ChannelStatistics", "GlobalLayer", "number_layers", "spatial_moments"]

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


def spatial_moments(x: Tensor, slot: int, frame: Frame | None) -> tuple[Tensor, Tensor]:
    """Mean and population standard deviation of each channel: of the tile, or of the whole image if they are known.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W)
        The layer's input.
    slot : int
        The layer that asks.
    frame : Frame, optional
        Where the tiles lie; None: each is an image of its own.

    Returns
    -------
    mean, deviation : tensors, shape (N, C, 1, 1) or (1, C, 1, 1)

    Raises
    ------
    Gathered
        If that was the last layer of which the frame wants statistics.
    """
    if frame is not None and frame.gather is not None:
        frame.gather.observe(slot, x, frame.interiors)
        if slot == frame.last:
            raise Gathered
    if frame is not None and frame.statistics is not None and slot in frame.statistics:
        return frame.statistics.moments(slot, x)
    mean = x.mean((2, 3), keepdim=True)
    variance = (x - mean).pow(2).mean((2, 3), keepdim=True)
    return mean, variance.clamp_min(_SMALLEST_VARIANCE).sqrt()
