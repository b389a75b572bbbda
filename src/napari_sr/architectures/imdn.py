"""IMDN: channels are split off step by step, and weighed by their contrast over the whole image.

Z. Hui, X. Gao, Y. Yang, X. Wang, Lightweight image super-resolution with information multi-distillation network,
ACM Multimedia 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    CCA,
    add_numbered,
    conv1x1,
    conv3x3,
    leaky,
    numbered,
    shuffle,
)
from napari_sr.architectures.context import ContextNetwork, TileContext, number_layers
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMDB", "IMDN", "PAPER", "URL", "AttentiveIMDB", "IMDNTrunk"]

PAPER = (
    "Hui, Gao, Yang, Wang: Lightweight image super-resolution with information multi-distillation network, "
    "ACM Multimedia 2019"
)
URL = "https://doi.org/10.1145/3343031.3351084"


class IMDB(nn.Module):
    """Three times a quarter of the channels is kept and the rest goes on; a fourth convolution; all fused.

    Parameters
    ----------
    channels : int
        Of the input and the output; a multiple of 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = (channels // 4, channels - channels // 4)
        kept, rest = self.split
        self.c1, self.c2, self.c3 = (
            conv3x3(channels, channels),
            conv3x3(rest, channels),
            conv3x3(rest, channels),
        )
        self.c4 = conv3x3(rest, kept)
        self.act = leaky()
        self.c5 = conv1x1(4 * kept, channels)

    def distil(self, x: Tensor) -> Tensor:
        """The four kept parts, one after the other; ``(N, C, H, W)`` to the same shape."""
        kept = []
        for conv in (self.c1, self.c2, self.c3):
            part, x = self.act(conv(x)).split(self.split, dim=1)
            kept.append(part)
        return torch.cat([*kept, self.c4(x)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.c5(self.distil(x)) + x
        return out


class AttentiveIMDB(IMDB):
    """The block of the paper: contrast-aware channel attention before the fusion.

    Parameters
    ----------
    channels : int
        Of the input and the output; a multiple of 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.cca = CCA(channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.c5(self.cca(self.distil(x), context)) + x
        return out


class IMDNTrunk(ContextNetwork):
    """The part shared by IMDN and IMDN_AS: a first layer, blocks, their outputs fused, a long skip, a pixel shuffle.

    Parameters
    ----------
    first : module
        From the image to the features.
    shuffle_by : int
        Factor of the pixel shuffle.
    channels, blocks : int
        Width and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, first: nn.Module, shuffle_by: int, channels: int, blocks: int, in_channels: int
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.fea_conv = first
        add_numbered(self, "IMDB", (AttentiveIMDB(channels) for _ in range(blocks)))
        self.c = nn.Sequential(conv1x1(channels * blocks, channels), leaky())
        self.LR_conv = conv3x3(channels, channels)
        self.upsampler = shuffle(channels, in_channels, shuffle_by)
        self.statistics_layers = number_layers(self)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to a size that follows from the first layer and the shuffle."""
        x = first = self.fea_conv(x)
        outputs = []
        for block in numbered(self, "IMDB"):
            x = block(x, context)
            outputs.append(x)
        out: Tensor = self.upsampler(self.LR_conv(self.c(torch.cat(outputs, dim=1))) + first)
        return out


class IMDN(IMDNTrunk):
    """IMDN.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (a multiple of 16) and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 64, blocks: int = 6, in_channels: int = 3
    ) -> None:
        super().__init__(conv3x3(in_channels, channels), scale, channels, blocks, in_channels)
        self.scale = scale
        # 3x3 convolutions one after the other: four a block, and three outside.
        self.reach = 4 * blocks + 3


def _detect_imdn(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "fea_conv.weight")
    blocks = count(state, "IMDB{}.cca.conv_du.0.weight")
    if first is None or not blocks:
        return None
    return configuration(state, "upsampler.0.weight", first[1], channels=first[0], blocks=blocks)


register(
    Architecture(
        id="imdn",
        title="IMDN: information multi-distillation network",
        paper=PAPER,
        url=URL,
        build=IMDN,
        detect=_detect_imdn,
        value_range=1.0,
    )
)
