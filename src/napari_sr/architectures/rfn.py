"""RFN: the plain network that RepRFN becomes once its branches are merged, and the one it grew from.

W. Deng, H. Yuan, L. Deng, Z. Lu, Reparameterized residual feature network for lightweight image super-resolution,
CVPR workshops 2023.
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
    conv3x3,
    leaky,
    numbered,
)
from napari_sr.architectures.context import ContextNetwork, TileContext
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PAPER", "RFN", "URL", "PlainConvolution", "detect_body"]

PAPER = (
    "Deng, Yuan, Deng, Lu: Reparameterized residual feature network for lightweight image super-resolution, "
    "CVPR Workshops 2023"
)
URL = "https://github.com/laonafahaodange/RepRFN"


class PlainConvolution(nn.Module):
    """A block of branches after merging.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rbr_reparam = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.rbr_reparam(x)
        return out


class RFB(nn.Module):
    """The block: four activated convolutions, a skip, enhanced spatial attention.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    convolution : callable (channels) -> layer
        Makes the first three.
    """

    def __init__(self, channels: int, convolution: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.repblock1, self.repblock2, self.repblock3 = (convolution(channels) for _ in range(3))
        self.conv3 = conv3x3(channels, channels)
        self.act = leaky()
        self.esa = PlainESA(channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        inner = x
        for conv in (self.repblock1, self.repblock2, self.repblock3, self.conv3):
            inner = self.act(conv(inner))
        out: Tensor = self.esa(inner + x, context)
        return out


class _Upsampler(nn.Module):
    """Convolution and pixel shuffle under the name that the checkpoints use."""

    def __init__(self, channels: int, out: int, scale: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, out * scale**2)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.shuffle(self.conv(x))
        return out


class RFN(ContextNetwork):
    """RFN, or RepRFN merged for inference.

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
    convolution: Callable[[int], nn.Module] = PlainConvolution

    def __init__(
        self, scale: int = 4, channels: int = 48, blocks: int = 4, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.fea_conv = conv3x3(in_channels, channels)
        make = type(self).convolution
        add_numbered(self, "reprfb", (RFB(channels, make) for _ in range(blocks)))
        self.lr_conv = conv3x3(channels, channels)
        self.upsampler = _Upsampler(channels, in_channels, scale)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = first = self.fea_conv(x)
        for block in numbered(self, "reprfb"):
            x = block(x, context)
        out: Tensor = self.upsampler(self.lr_conv(x) + first)
        return out


def detect_body(state: Mapping[str, Tensor], mark: str) -> dict[str, Any] | None:
    """Configuration of a network whose blocks have the tensor ``mark``; None if it is another network."""
    first = shape(state, "fea_conv.weight")
    blocks = count(state, f"reprfb{{}}.repblock1.{mark}")
    if first is None or not blocks:
        return None
    return configuration(state, "upsampler.conv.weight", first[1], channels=first[0], blocks=blocks)


register(
    Architecture(
        id="reprfn-plain",
        title="RFN, or RepRFN merged",
        paper=PAPER,
        url=URL,
        build=RFN,
        detect=lambda state: detect_body(state, "rbr_reparam.weight"),
        value_range=1.0,
    )
)
