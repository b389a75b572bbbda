"""BSRN-S: the small BSRN that took part in the NTIRE 2022 challenge on efficient super-resolution.

Its 1x1 convolutions are stored as linear layers, the blueprint convolutions have a second bias, and learned weights
for the channels replace channel attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_sr.architectures.blocks import (
    LinearBSConvU,
    LinearESA,
    Pointwise,
    ResidualDistillation,
)
from napari_sr.architectures.bsrn import PAPER, URL, BSRNTrunk, detect_trunk
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from napari_sr.architectures.context import TileContext

__all__ = ["BSRNS", "ESDBS"]


class ESDBS(ResidualDistillation):
    """The block: distillation, spatial attention, a weight for each channel, a 1x1 convolution, and a skip.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, Pointwise, LinearBSConvU, nn.GELU())
        self.esa = LinearESA(channels)
        self.cw = nn.Parameter(torch.ones(1, channels))
        self.conv_out = Pointwise(channels, channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        weighed = self.esa(self.distil(x), context) * self.cw[..., None, None]
        out: Tensor = self.conv_out(weighed) + x
        return out


class BSRNS(BSRNTrunk):
    """BSRN-S.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (a multiple of 4) and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 48, blocks: int = 5, in_channels: int = 3
    ) -> None:
        super().__init__(
            ESDBS,
            Pointwise,
            LinearBSConvU,
            scale=scale,
            channels=channels,
            blocks=blocks,
            in_channels=in_channels,
        )


register(
    Architecture(
        id="bsrn-s",
        title="BSRN-S: small blueprint separable residual network",
        paper=PAPER,
        url=URL,
        build=BSRNS,
        detect=lambda state: detect_trunk(state, "cw"),
        value_range=1.0,
    )
)
