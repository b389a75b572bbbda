"""LKDN: BSRN's outline with large-kernel attention, whose window is bounded, in place of global attention.

C. Xie, X. Zhang, L. Li, H. Meng, T. Zhang, T. Li, X. Zhao, Large kernel distillation network for efficient single image
super-resolution, CVPR workshops 2023.

Every layer has a bounded window, so tiles with a halo of the receptive-field radius give the whole image's result.
The published checkpoints hold the merged form of the blueprint convolutions, which is the one written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures._attention import ChannelsFirstConv2d
from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    BSConvU,
    ChannelNorm,
    ResidualDistillation,
    add_numbered,
    conv1x1,
    numbered,
    shuffle,
)
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LKDB", "LKDN"]

_COPIES = 4
"""How often the image is repeated along the channels before the first convolution, as in BSRN."""


class LargeKernelWeights(nn.Module):
    """Multiplies features by weights computed from a window of 17x17 pixels; the weights are not limited in size.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pointwise = conv1x1(channels, channels)
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.depthwise_dilated = ChannelsFirstConv2d(
            channels, channels, 5, padding=6, dilation=3, groups=channels
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = x * self.depthwise_dilated(self.depthwise(self.pointwise(x)))
        return out


class LKDB(ResidualDistillation):
    """The block: distillation in blueprint convolutions without inner residuals, large-kernel attention, and a skip.

    Parameters
    ----------
    channels : int
        Of the input and the output; even.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, conv1x1, BSConvU, nn.GELU())
        self.atten = LargeKernelWeights(channels)
        self.c6 = conv1x1(channels, channels)
        self.pixel_norm = ChannelNorm(channels, eps=1e-5)

    def refine(self, step: nn.Module, x: Tensor) -> Tensor:
        """One step, without RFDN's residual; ``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.act(step(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.pixel_norm(self.c6(self.atten(self.distil(x)))) + x
        return out


class LKDN(nn.Module):
    """LKDN.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (even) and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 56, blocks: int = 8, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.fea_conv = BSConvU(_COPIES * in_channels, channels)
        add_numbered(self, "B", (LKDB(channels) for _ in range(blocks)))
        self.c1 = conv1x1(channels * blocks, channels)
        self.act = nn.GELU()
        self.c2 = BSConvU(channels, channels)
        self.upsampler = shuffle(channels, in_channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = first = self.fea_conv(torch.cat([x] * _COPIES, dim=1))
        outputs = []
        for block in numbered(self, "B"):
            x = block(x)
            outputs.append(x)
        fused = self.c2(self.act(self.c1(torch.cat(outputs, dim=1)))) + first
        out: Tensor = self.upsampler(fused)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "fea_conv.pw.weight")
    blocks = count(state, "B{}.atten.depthwise_dilated.weight")
    if first is None or not blocks:
        return None
    sizes = {"channels": first[0], "blocks": blocks}
    return configuration(state, "upsampler.0.weight", first[1] // _COPIES, **sizes)


register(
    Architecture(
        id="lkdn",
        title="LKDN: large kernel distillation network",
        paper=(
            "Xie, Zhang, Li, Meng, Zhang, Li, Zhao: Large kernel distillation network for efficient single image "
            "super-resolution, CVPR Workshops 2023"
        ),
        url="https://arxiv.org/abs/2407.14340",
        build=LKDN,
        detect=_detect,
        value_range=1.0,
    )
)
