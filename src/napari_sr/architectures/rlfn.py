"""RLFN: three convolutions, a skip and small spatial attention in each block.

F. Kong, M. Li, S. Liu, D. Liu, J. He, Y. Bai, F. Chen, L. Fu, Residual local feature network for efficient
super-resolution, CVPR workshops 2022. RLFN is 52 channels wide and six blocks deep, RLFN-S 48 and six; the form that
won the NTIRE 2022 challenge has four blocks of 46 channels, 48 inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    MINIMUM_SIZE,
    STRIDE,
    PlainESA,
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

__all__ = ["RLFB", "RLFN"]


class RLFB(nn.Module):
    """The block: three activated convolutions and a skip, a 1x1 convolution, enhanced spatial attention.

    Parameters
    ----------
    channels, middle : int
        Of the input and the output; between the convolutions.
    attention : int
        Channels of the attention.
    """

    def __init__(self, channels: int, middle: int, attention: int = 16) -> None:
        super().__init__()
        self.c1_r, self.c2_r = conv3x3(channels, middle), conv3x3(middle, middle)
        self.c3_r = conv3x3(middle, channels)
        self.act = leaky()
        self.c5 = conv1x1(channels, channels)
        self.esa = PlainESA(channels, attention)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        inner = x
        for conv in (self.c1_r, self.c2_r, self.c3_r):
            inner = self.act(conv(inner))
        out: Tensor = self.esa(self.c5(inner + x), context)
        return out


class RLFN(ContextNetwork):
    """RLFN; the authors' networks take and give values in [0, 255].

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth.
    middle : int, optional
        Width inside the blocks; the same if left out.
    attention : int
        Channels of the attention.
    in_channels : int
        1 or 3.
    """

    alignment = STRIDE
    minimum_size = MINIMUM_SIZE

    def __init__(
        self,
        scale: int = 4,
        channels: int = 52,
        blocks: int = 6,
        middle: int | None = None,
        attention: int = 16,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.conv_1 = conv3x3(in_channels, channels)
        add_numbered(
            self, "block_", (RLFB(channels, middle or channels, attention) for _ in range(blocks))
        )
        self.conv_2 = conv3x3(channels, channels)
        self.upsampler = shuffle(channels, in_channels, scale)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = first = self.conv_1(x)
        for block in numbered(self, "block_"):
            x = block(x, context)
        out: Tensor = self.upsampler(self.conv_2(x) + first)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "conv_1.weight")
    blocks = count(state, "block_{}.esa.conv4.weight")
    middle = shape(state, "block_1.c1_r.weight")
    if first is None or middle is None or not blocks:
        return None
    attention = state["block_1.esa.conv4.weight"].shape[1]
    sizes = {"channels": first[0], "blocks": blocks, "middle": middle[0], "attention": attention}
    return configuration(state, "upsampler.0.weight", first[1], **sizes)


register(
    Architecture(
        id="rlfn",
        title="RLFN: residual local feature network",
        paper="Kong, Li, Liu, Liu, He, Bai, Chen, Fu: Residual local feature network for efficient super-resolution, "
        "CVPR Workshops 2022",
        url="https://arxiv.org/abs/2205.07514",
        build=RLFN,
        detect=_detect,
    )
)
