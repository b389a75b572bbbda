"""Tiles cut by hand: what an engine does with a network that takes a context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_sr.architectures.context import ChannelStatistics, TileContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from napari_sr.architectures.context import ContextNetwork

Span = tuple[int, int, int, int]
"""Along one axis: first and last pixel of what is kept, and of the window around it."""


def spans(length: int, tile: int, halo: int, alignment: int) -> Iterator[Span]:
    """Windows begin on the network's grid, and end at the image's border or a halo behind the tile."""
    for first in range(0, length, tile):
        last = min(first + tile, length)
        start = max(0, first - halo) // alignment * alignment
        yield first, last, start, min(length, last + halo)


def tiled(
    network: ContextNetwork,
    x: Tensor,
    tile: int,
    halo: int,
    statistics: ChannelStatistics | None = None,
    gather: ChannelStatistics | None = None,
) -> Tensor:
    """Run a network tile by tile, each told where it lies."""
    scale, size = network.scale, x.shape[-2:]
    out = x.new_empty(*x.shape[:-2], size[0] * scale, size[1] * scale)
    for top, bottom, y0, y1 in spans(size[0], tile, halo, network.alignment):
        for left, right, x0, x1 in spans(size[1], tile, halo, network.alignment):
            interior = (top - y0, left - x0, bottom - y0, right - x0)
            context = TileContext(
                tuple(size), ((y0, x0),) * len(x), (interior,) * len(x), statistics, gather
            )
            y = network(x[..., y0:y1, x0:x1], context)
            kept = y[..., scale * (top - y0) : scale * (bottom - y0), :]
            out[..., scale * top : scale * bottom, scale * left : scale * right] = kept[
                ..., scale * (left - x0) : scale * (right - x0)
            ]
    return out


def seamless(network: ContextNetwork, x: Tensor, tile: int, halo: int, passes: int) -> Tensor:
    """As `tiled`, after so many passes that gather the statistics of the whole image."""
    known = None
    with torch.inference_mode():
        for _ in range(passes):
            gather = ChannelStatistics()
            tiled(network, x, tile, halo, known, gather)
            known = gather
        return tiled(network, x, tile, halo, known)
