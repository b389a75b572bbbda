"""Zoom: which output pixels belong to which input pixels along one axis, and what they are made of.

Output pixel ``o`` has its centre at ``(o + 1/2) / factor`` of the input, pixel edges at integers. The tables are those
of the whole axis, so a tile resampled with its rows of them equals that part of the whole image resampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_sr.imaging import resize_weights
from napari_sr.inference._tiles import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
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
class Zoom:
    """One axis from input to output, by way of the network's own scale."""

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
    def direct(self) -> Table:
        """Bicubic from input to output."""
        return Table(*resize_weights(self.size, self.out, self.factor))

    @cached_property
    def reduction(self) -> Table | None:
        """Antialiased bicubic from the network's output, or None where that is the output."""
        if self.factor == self.native:
            return None
        return Table(*resize_weights(self.size * self.native, self.out, self.factor / self.native))

    def owned(self, tile: Span) -> Span:
        """Output pixels whose centres lie in a tile."""
        start, stop = (math.ceil(self.factor * edge - 0.5) for edge in tile)
        return Span(min(start, self.out), self.out if tile.stop == self.size else stop)

    def nearest(self, rows: Span) -> NDArray[np.intp]:
        """Input pixel in which the centre of each of these output pixels lies."""
        centres = (np.arange(*rows) + 0.5) / self.factor
        return np.minimum(centres.astype(np.intp), self.size - 1)


def output_length(size: int, factor: float) -> int:
    """Pixels of an enlarged axis: ``round(size · factor)``, at least 1."""
    return max(1, round(size * factor))
