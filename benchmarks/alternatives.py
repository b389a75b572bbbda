"""Alternatives to the engine's passes that gather statistics of a whole image; `tiling.py` runs them.

- *passes*: all tiles are run several times, each time with the statistics that the pass before gathered.
- *layer by layer*: pass k runs the network up to its kth global layer only; exact after as many passes as layers.
- *sample*: passes over every fourth tile.
- *streaming*: all tiles are run through one block before any is run through the next; a single exact pass, which holds
  the features of the whole image.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_sr.architectures.blocks import numbered
from napari_sr.architectures.bsrn import BSRN
from napari_sr.architectures.context import (
    Box,
    ChannelStatistics,
    ContextNetwork,
    StatisticsGathered,
    TileContext,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor, nn

TILE, HALO = 96, 48
"""Side and context of the tiles of a pass, in small pixels: those of the engine."""
BLOCK_HALO = {True: 48, False: 6}
"""Context of one block, with and without strided attention: a multiple of its stride."""


@torch.inference_mode()
def measure(
    network: ContextNetwork, value_range: float, image: NDArray[np.float32]
) -> Iterator[dict[str, Any]]:
    """Difference of each alternative from the whole image, and its time relative to that of the whole image."""
    x = torch.from_numpy(image).permute(2, 0, 1)[None] * value_range
    started = time.process_time()
    whole = network(x)
    seconds = time.process_time() - started

    def row(name: str, y: Tensor, taken: float) -> dict[str, Any]:
        largest = float((y - whole).abs().max()) * 255 / value_range
        return {"alternative": name, "largest": largest, "cost": taken / seconds}

    size = (x.shape[-2], x.shape[-1])
    for name, every in (("passes", 1), ("sample", 4)):
        known, taken = None, 0.0
        for number in range(1, 5 if every == 1 else 4):
            known, more = gather(network, x, known, every, network.statistics_layers - 1)
            taken += more
            y = network(x, TileContext(size, ((0, 0),), statistics=known))
            yield row(f"{name} x{number}", y, taken)
    exact, taken = ChannelStatistics(), 0.0
    for last in range(network.statistics_layers):
        found, more = gather(network, x, exact, 1, last)
        exact, taken = found, taken + more
    yield row("layer by layer", network(x, TileContext(size, ((0, 0),), statistics=exact)), taken)
    started = time.process_time()
    y = streamed(network, x)
    yield row("streaming", y, time.process_time() - started)


def gather(
    network: ContextNetwork, x: Tensor, known: ChannelStatistics | None, every: int, last: int
) -> tuple[ChannelStatistics, float]:
    """Gather statistics from tiles up to a layer; returns them and the seconds that it took."""
    started, gathered = time.process_time(), ChannelStatistics()
    for number, (window, interior) in enumerate(windows(x, TILE, HALO)):
        if number % every == 0:
            top, left, bottom, right = window
            frame = TileContext(
                (x.shape[-2], x.shape[-1]), ((top, left),), (interior,), known, gathered, last
            )
            with suppress(StatisticsGathered):
                network(x[..., top:bottom, left:right], frame)
    return gathered, time.process_time() - started


def windows(x: Tensor, tile: int, halo: int) -> Iterator[tuple[Box, Box]]:
    """Windows of an image, and the tile in each of them."""
    height, width = x.shape[-2:]
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            y, z = max(0, top - halo), max(0, left - halo)
            window = y, z, min(bottom + halo, height), min(right + halo, width)
            yield window, (top - y, left - z, bottom - y, right - z)


def streamed(network: Any, x: Tensor) -> Tensor:
    """Output of IMDN or BSRN, of which each block is run on all tiles before the next one."""
    blueprint = isinstance(network, BSRN)
    features = first = network.fea_conv(torch.cat([x] * 4, dim=1) if blueprint else x)
    outputs = []
    for block in numbered(network, "B" if blueprint else "IMDB"):
        features = _block(block, features, blueprint)
        outputs.append(features)
    joined = torch.cat(outputs, dim=1)
    if blueprint:
        fused = network.c2(network.act(network.c1(joined))) + first
        return network.upsampler["upsampleOneStep"](fused)
    return network.upsampler(network.LR_conv(network.c(joined)) + first)


def _block(block: nn.Module, features: Tensor, blueprint: bool) -> Tensor:
    before: Callable[[Tensor, TileContext], Tensor] = (
        (lambda part, frame: block.esa(block.distil(part), frame))
        if blueprint
        else (lambda part, _: block.distil(part))
    )
    seen = torch.empty_like(features)
    size = (features.shape[-2], features.shape[-1])
    for (y, z, b, r), (top, left, bottom, right) in windows(features, TILE, BLOCK_HALO[blueprint]):
        part = before(features[..., y:b, z:r], TileContext(size, ((y, z),)))
        seen[..., y + top : y + bottom, z + left : z + right] = part[..., top:bottom, left:right]
    weighed = block.cca(seen)
    return (weighed if blueprint else block.c5(weighed)) + features


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Largest difference and mean cost of each alternative."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if "alternative" in row:
            found.setdefault((row["network"], row["alternative"]), []).append(row)
    lines = ["| network | statistics by | largest difference | cost |", "|---|---|---|---|"]
    for (name, way), group in sorted(found.items(), key=lambda item: item[0][0]):
        largest = max(row["largest"] for row in group)
        lines.append(
            f"| {name} | {way} | {largest:.2g} | {np.mean([row['cost'] for row in group]):.2f} |"
        )
    return lines
