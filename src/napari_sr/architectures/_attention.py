"""Attention with a bounded window: weights for the output of a block that depend on a known number of pixels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Attention = Literal["none", "free", "pixel", "large"]


class PixelAttention(nn.Module):
    """A weight in (0, 1) for every value, computed from its own pixel.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x * torch.sigmoid(self.gate(x))


class LargeKernelAttention(nn.Module):
    """A weight in (0, 2) for every value, computed from a window of 17x17 pixels; initially close to 1.

    A network that was trained without it can go on with it, for at first it changes nearly nothing.

    Parameters
    ----------
    channels : int
        Of the input and the output.

    References
    ----------
    C. Xie et al., Large kernel distillation network for efficient single image super-resolution, CVPR workshops 2023.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = ChannelsFirstConv2d(
            channels, channels, 5, padding=6, dilation=3, groups=channels
        )
        self.mix = nn.Conv2d(channels, channels, 1)
        for each in self.mix.parameters():
            nn.init.normal_(each, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x * (2 * torch.sigmoid(self.mix(self.far(self.near(x)))))


class ChannelsFirstConv2d(nn.Conv2d):
    """Computed in channels-first layout: in the other, PyTorch 2.13 gets gradients of dilated depthwise ones wrong."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous())


def make_attention(name: Attention, channels: int) -> nn.Module:
    """Attention for a block's output; None for ``"none"``, and for ``"free"``, which the block computes itself."""
    if name == "pixel":
        return PixelAttention(channels)
    if name == "large":
        return LargeKernelAttention(channels)
    return nn.Identity()
