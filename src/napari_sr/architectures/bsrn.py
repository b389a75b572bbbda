"""BSRN: RFDN's outline in blueprint separable convolutions, with spatial and channel attention.

Z. Li, Y. Liu, X. Chen, H. Cai, J. Gu, Y. Qiao, C. Dong, Blueprint separable residual network for efficient image
super-resolution, CVPR workshops 2022.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    CCA,
    MINIMUM_SIZE,
    STRIDE,
    BlueprintESA,
    BSConvU,
    Layer,
    ResidualDistillation,
    add_numbered,
    conv1x1,
    numbered,
    shuffle,
)
from napari_sr.architectures.context import ContextNetwork, TileContext, number_layers
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BSRN", "ESDB", "PAPER", "URL", "BSRNTrunk"]

PAPER = (
    "Li, Liu, Chen, Cai, Gu, Qiao, Dong: Blueprint separable residual network for efficient image super-resolution, "
    "CVPR Workshops 2022"
)
URL = "https://arxiv.org/abs/2205.05996"

_COPIES = 4
"""How often the image is repeated along the channels before the first convolution."""


class ESDB(ResidualDistillation):
    """The block: distillation in blueprint convolutions, spatial, then channel attention, and a skip.

    Parameters
    ----------
    channels : int
        Of the input and the output; a multiple of 16.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, conv1x1, BSConvU, nn.GELU())
        self.esa = BlueprintESA(channels)
        self.cca = CCA(channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.cca(self.esa(self.distil(x), context), context) + x
        return out


class BSRNTrunk(ContextNetwork):
    """The part shared by BSRN and BSRN-S: a first layer, blocks, their outputs fused, a long skip, a pixel shuffle.

    Parameters
    ----------
    block : callable (channels) -> module
        Makes a block, whose forward takes features and context.
    point, wide : callables (inp, out) -> layer
        Make the 1x1 and the 3x3 layers.
    scale, channels, blocks, in_channels : int
        As in `BSRN`.
    """

    alignment = STRIDE
    minimum_size = MINIMUM_SIZE

    def __init__(
        self,
        block: Callable[[int], nn.Module],
        point: Layer,
        wide: Layer,
        *,
        scale: int,
        channels: int,
        blocks: int,
        in_channels: int,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.fea_conv = wide(_COPIES * in_channels, channels)
        add_numbered(self, "B", (block(channels) for _ in range(blocks)))
        self.c1 = point(channels * blocks, channels)
        self.act = nn.GELU()
        self.c2 = wide(channels, channels)
        self.upsampler = nn.ModuleDict({"upsampleOneStep": shuffle(channels, in_channels, scale)})
        self.statistics_layers = number_layers(self)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = first = self.fea_conv(torch.cat([x] * _COPIES, dim=1))
        outputs = []
        for block in numbered(self, "B"):
            x = block(x, context)
            outputs.append(x)
        fused = self.c2(self.act(self.c1(torch.cat(outputs, dim=1)))) + first
        out: Tensor = self.upsampler["upsampleOneStep"](fused)
        return out


class BSRN(BSRNTrunk):
    """BSRN.

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
        self, scale: int = 4, channels: int = 64, blocks: int = 8, in_channels: int = 3
    ) -> None:
        super().__init__(
            ESDB,
            conv1x1,
            BSConvU,
            scale=scale,
            channels=channels,
            blocks=blocks,
            in_channels=in_channels,
        )


def detect_trunk(state: Mapping[str, Tensor], mark: str) -> dict[str, Any] | None:
    """Configuration of a trunk whose blocks have the tensor ``mark``; None if it is another network."""
    first = shape(state, "fea_conv.pw.weight")
    blocks = count(state, f"B{{}}.{mark}")
    if first is None or not blocks:
        return None
    last = "upsampler.upsampleOneStep.0.weight"
    return configuration(state, last, first[1] // _COPIES, channels=first[0], blocks=blocks)


register(
    Architecture(
        id="bsrn",
        title="BSRN: blueprint separable residual network",
        paper=PAPER,
        url=URL,
        build=BSRN,
        detect=lambda state: detect_trunk(state, "cca.conv_du.0.weight"),
        value_range=1.0,
    )
)
