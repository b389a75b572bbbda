"""RFDN: feature distillation by 1x1 convolutions beside residual steps.

J. Liu, J. Tang, G. Wu, Residual feature distillation network for lightweight image super-resolution, ECCV workshops
2020; the form that was released, which won the AIM 2020 challenge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    MINIMUM_SIZE,
    STRIDE,
    DeepESA,
    ResidualDistillation,
    add_numbered,
    conv1x1,
    conv3x3,
    leaky,
    numbered,
    shuffle,
)
from napari_sr.architectures.context import ContextNetwork, TileContext
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RFDB", "RFDN"]


class RFDB(ResidualDistillation):
    """The block: distillation, then enhanced spatial attention; no skip around it.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, conv1x1, conv3x3, leaky())
        self.esa = DeepESA(channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.esa(self.distil(x), context)
        return out


class RFDN(ContextNetwork):
    """RFDN; the authors' network takes and gives values in [0, 255].

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth.
    in_channels : int
        1 or 3.
    """

    alignment = STRIDE
    minimum_size = MINIMUM_SIZE

    def __init__(
        self, scale: int = 4, channels: int = 50, blocks: int = 4, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.fea_conv = conv3x3(in_channels, channels)
        add_numbered(self, "B", (RFDB(channels) for _ in range(blocks)))
        self.c = nn.Sequential(conv1x1(channels * blocks, channels), leaky())
        self.LR_conv = conv3x3(channels, channels)
        self.upsampler = shuffle(channels, in_channels, scale)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = first = self.fea_conv(x)
        outputs = []
        for block in numbered(self, "B"):
            x = block(x, context)
            outputs.append(x)
        out: Tensor = self.upsampler(self.LR_conv(self.c(torch.cat(outputs, dim=1))) + first)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "fea_conv.weight")
    blocks = count(state, "B{}.esa.conv_max.weight")
    if first is None or not blocks:
        return None
    return configuration(state, "upsampler.0.weight", first[1], channels=first[0], blocks=blocks)


register(
    Architecture(
        id="rfdn",
        title="RFDN: residual feature distillation network",
        paper="Liu, Tang, Wu: Residual feature distillation network for lightweight image super-resolution, "
        "ECCV Workshops 2020",
        url="https://arxiv.org/abs/2009.11551",
        build=RFDN,
        detect=_detect,
    )
)
