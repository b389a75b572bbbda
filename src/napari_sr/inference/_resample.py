"""Resampling of tiles: which output pixels belong to which input pixels, and how they are computed.

Output pixel ``o`` has its center at ``(o + 1/2) / factor`` of the input, where pixel edges are at integers. Weights
are tabulated for the whole axis, so a tile resampled with its rows of the table equals that part of the whole image
resampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import output_length, resize_weights
from napari_sr.inference._tiles import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class WeightTable:
    """Rows of a resampling matrix: every output pixel is a weighted sum of a few input pixels."""

    indices: NDArray[np.intp]
    weights: NDArray[np.float64]

    def apply(self, x: Tensor, axis: int, rows: Span, origin: int) -> Tensor:
        """Resample one axis of a tensor that starts at pixel `origin`, for the output pixels `rows`."""
        indices = torch.from_numpy(self.indices[rows.slice] - origin).to(x.device)
        weights = torch.from_numpy(self.weights[rows.slice]).to(x.device, x.dtype)
        shape = [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
        out = x.index_select(axis, indices[:, 0]) * weights[:, 0].reshape(shape)
        for tap in range(1, indices.shape[1]):
            out.addcmul_(x.index_select(axis, indices[:, tap]), weights[:, tap].reshape(shape))
        return out


@dataclass(frozen=True)
class AxisResampler:
    """One axis from input to output, by way of the networks' own scale."""

    size: int
    """Input pixels."""
    factor: float
    """Output pixels per input pixel."""
    native: int
    """What the networks enlarge by: at least `factor`."""
    out: int = field(init=False)
    """Output pixels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", output_length(self.size, self.factor))

    @property
    def margin(self) -> int:
        """Input pixels beyond a tile that are read of the network's output, to resample it at the tile's edge."""
        return 0 if self.factor == self.native else math.ceil(2 / self.factor) + 1

    @cached_property
    def bicubic_upsample(self) -> WeightTable:
        """Bicubic from input to output."""
        return WeightTable(*resize_weights(self.size, self.out, self.factor))

    @cached_property
    def antialiased_downsample(self) -> WeightTable | None:
        """Antialiased bicubic from the network's output, or None where that is the output."""
        if self.factor == self.native:
            return None
        return WeightTable(
            *resize_weights(self.size * self.native, self.out, self.factor / self.native)
        )

    def output_span(self, tile: Span) -> Span:
        """Output pixels whose centers lie in a tile."""
        start, stop = (math.ceil(self.factor * edge - 0.5) for edge in tile)
        return Span(min(start, self.out), self.out if tile.stop == self.size else stop)

    def source_pixels(self, rows: Span) -> NDArray[np.intp]:
        """Input pixel in which the center of each of these output pixels lies."""
        centers = (np.arange(*rows) + 0.5) / self.factor
        return np.minimum(centers.astype(np.intp), self.size - 1)


@dataclass(frozen=True, slots=True)
class Strip:
    """One axis of a tile between its window and its output pixels."""

    axis: AxisResampler
    start: int
    """First pixel of the window."""
    out: Span
    """Output pixels to be made."""

    def bicubic(self, x: Tensor, dim: int) -> Tensor:
        """Output pixels from the window, bicubically."""
        return self.axis.bicubic_upsample.apply(x, dim, self.out, self.start)

    def finish(self, y: Tensor, dim: int) -> Tensor:
        """Output pixels from the window that the networks enlarged: cropped, or reduced."""
        origin = self.start * self.axis.native
        if self.axis.antialiased_downsample is None:
            return y.narrow(dim, self.out.start - origin, self.out.length)
        return self.axis.antialiased_downsample.apply(y, dim, self.out, origin)


@dataclass(frozen=True, slots=True)
class TileResampler:
    """A tile's output pixels and how they are computed from its window."""

    y: Strip
    x: Strip

    def bicubic(self, window: Tensor) -> Tensor:
        """Bicubic output pixels from a window ``(samples, Y, X)`` of the input."""
        return self.y.bicubic(self.x.bicubic(window, -1), -2)

    def finish(self, window: Tensor) -> Tensor:
        """Output pixels from a window that the networks enlarged."""
        return self.x.finish(self.y.finish(window, -2), -1)
