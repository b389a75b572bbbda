"""Enhanced spatial attention (RFDN) and its variants, the same on a tile as on the whole image.

The attention map is computed on a grid of cells, one every 6 pixels, and stretched over the image. A tile whose origin
is a multiple of 6 has the whole image's cells; to stretch them the same way, the whole image's geometry is
needed, because an image of N pixels is not 6 times as large as its number of cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures.blocks._bsconv import BSConvU, LinearBSConvU
from napari_sr.architectures.blocks._convolution import Pointwise, conv1x1, conv3x3
from napari_sr.errors import InputError

if TYPE_CHECKING:
    from napari_sr.architectures.context import TileContext

STRIDE = 6
"""Pixels per cell: the convolution's stride of 2 times the pooling's of 3."""
MINIMUM_SIZE = 15
"""Pixels that one cell is made of: the smallest image."""


class ESA(nn.Module, ABC):
    """Base of the variants: reduce channels, pool to cells, refine, stretch, gate.

    Parameters
    ----------
    channels, inner : int
        Channels of the features and of the attention.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.conv1: nn.Module = conv1x1(channels, inner)
        self.conv_f: nn.Module = conv1x1(inner, inner)
        self.conv2: nn.Module = nn.Conv2d(inner, inner, 3, stride=2)
        self.conv4: nn.Module = conv1x1(inner, channels)

    @abstractmethod
    def refine(self, cells: Tensor) -> Tensor:
        """The operation of a variant on the coarse grid."""

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        reduced = self.conv1(x)
        cells = self.refine(F.max_pool2d(self.conv2(reduced), 7, stride=3))
        map_ = _stretched(cells, x, context) + self.conv_f(reduced)
        out: Tensor = x * torch.sigmoid(self.conv4(map_))
        return out


class PlainESA(ESA):
    """The variant of RLFN and RepRFN: a single convolution of the cells.

    Parameters
    ----------
    channels, inner : int
        Channels of the features and of the attention.
    """

    def __init__(self, channels: int, inner: int = 16) -> None:
        super().__init__(channels, inner)
        self.conv3 = conv3x3(inner, inner)

    def refine(self, cells: Tensor) -> Tensor:
        """One convolution."""
        out: Tensor = self.conv3(cells)
        return out


class DeepESA(ESA):
    """The variant of RFDN: three convolutions of the cells.

    Parameters
    ----------
    channels : int
        Channels of the features; a quarter of them in the attention.
    """

    def __init__(self, channels: int) -> None:
        inner = channels // 4
        super().__init__(channels, inner)
        self.act: nn.Module = nn.ReLU()
        self.conv_max: nn.Module = conv3x3(inner, inner)
        self.conv3: nn.Module = conv3x3(inner, inner)
        self.conv3_: nn.Module = conv3x3(inner, inner)

    def refine(self, cells: Tensor) -> Tensor:
        """Three convolutions, activated but for the last."""
        out: Tensor = self.conv3_(self.act(self.conv3(self.act(self.conv_max(cells)))))
        return out


class BlueprintESA(DeepESA):
    """The variant of BSRN: blueprint convolutions and GELU.

    Parameters
    ----------
    channels : int
        Channels of the features; a quarter of them in the attention.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        inner = channels // 4
        self.act = nn.GELU()
        self.conv2 = BSConvU(inner, inner, stride=2)
        self.conv_max, self.conv3, self.conv3_ = (BSConvU(inner, inner) for _ in range(3))


class LinearESA(DeepESA):
    """The variant of BSRN-S: 1x1 convolutions stored as linear layers, blueprint convolutions with two biases, GELU.

    Parameters
    ----------
    channels : int
        Channels of the features; a quarter of them in the attention.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        inner = channels // 4
        self.act = nn.GELU()
        self.conv1, self.conv4 = Pointwise(channels, inner), Pointwise(inner, channels)
        self.conv_f = Pointwise(inner, inner)
        self.conv_max, self.conv3, self.conv3_ = (LinearBSConvU(inner, inner) for _ in range(3))


def _stretched(cells: Tensor, x: Tensor, context: TileContext | None) -> Tensor:
    """Cells resampled bilinearly to the pixels of ``x``."""
    size = x.shape[-2:]
    if context is None:
        return F.interpolate(cells, size=size, mode="bilinear", align_corners=False)
    rows, columns = (
        _weights(context.size[axis], origins, size[axis], cells.shape[axis - 2]).to(cells)
        for axis, origins in enumerate(zip(*context.origins, strict=True))
    )
    return rows @ cells @ columns.mT


@lru_cache(maxsize=16)
def _weights(whole: int, origins: tuple[int, ...], pixels: int, cells: int) -> Tensor:
    """Bilinear weights of a tile's cells at its pixels along one axis, shape (tiles, 1, pixels, cells).

    A row has the weights that the whole image's resampling has there, so two of them are not zero.
    """
    if any(origin % STRIDE for origin in origins):
        raise InputError(
            f"tiles for strided attention must start at multiples of {STRIDE} pixels: {origins}"
        )
    first = torch.tensor(origins, dtype=torch.float64)[:, None]
    pixel = torch.arange(pixels, dtype=torch.float64) + first
    all_cells = cell_count(whole)
    at = ((pixel + 0.5) * all_cells / whole - 0.5).clamp(0, all_cells - 1) - first / STRIDE
    distance = at.clamp(0, cells - 1)[..., None] - torch.arange(cells)
    return (1 - distance.abs()).clamp_min(0)[:, None].float()


def cell_count(pixels: int) -> int:
    """How many cells a side of so many pixels has."""
    return ((pixels - 3) // 2 - 6) // 3 + 1
