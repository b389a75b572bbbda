"""MSPN, the multi-scale perceptual network: the one this project was founded on.

IMDN's outline (a chain of blocks, all their outputs fused, a long skip), with blocks that never lower the resolution
and see many scales at once: dilated convolutions reach 11x11 pixels, blueprint separable ones 7x7, and the two are
fused at every step. Nothing in it looks further than its receptive field, so tiles change nothing.

Blueprint separable convolution: D. Haase, M. Amthor, Rethinking depthwise separable convolutions, CVPR 2020. The
parameter-free attention is SPAN's: C. Wan et al., Swift parameter-free attention network, CVPR workshops 2024.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Attention = Literal["none", "free", "pixel", "large"]

DILATIONS = (1, 2, 2)
"""Of the dilated combination: 11x11 pixels in three convolutions, with neighbours still connected."""

_SLOPE = 0.05


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


class Blueprint(nn.Module):
    """Blueprint separable convolution (BSConv-U): a 1x1 without bias, then a depthwise 3x3.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pw = nn.Conv2d(channels, channels, 1, bias=False)
        self.dw = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.dw(self.pw(x))
        return out

    def kernel(self) -> Tensor:
        """The full 3x3 kernel that does the same; exact at borders, for nothing is added before the padding."""
        return self.dw.weight * self.pw.weight


class PixelAttention(nn.Module):
    """A weight in (0, 1) for every value, out of its own pixel.

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
    """A weight for every value, out of a bounded window of 17x17 pixels.

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
        self.far = nn.Conv2d(channels, channels, 5, padding=6, dilation=3, groups=channels)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        return x * torch.sigmoid(self.mix(self.far(self.near(x))))


class PerceptualBlock(nn.Module):
    """LFPB: three steps of dilated and blueprint convolution side by side, fused after each.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    attention : {"none", "free", "pixel", "large"}
        What weighs the result before it is added to the input.
    dilated, blueprint : bool
        Leave a branch out, to measure what it is worth.
    """

    def __init__(
        self,
        channels: int,
        attention: Attention = "free",
        dilated: bool = True,
        blueprint: bool = True,
    ) -> None:
        super().__init__()
        steps = DILATIONS if dilated else (1, 1, 1)
        self.dilated = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=d, dilation=d) for d in steps
        )
        self.blueprint = nn.ModuleList(Blueprint(channels) for _ in steps if blueprint)
        self.fuse = nn.Conv2d(channels, channels, 1)
        self.attention = attention
        self.attend = _attention(attention, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        y = x
        for step, conv in enumerate(self.dilated):
            wide = conv(y)
            # Summed before the activation: where both see the same window, they merge into one convolution.
            y = _act(wide + self.blueprint[step](y)) if step < len(self.blueprint) else _act(wide)
        y = self.fuse(y)
        if self.attention == "free":
            weighed: Tensor = (x + y) * (torch.sigmoid(y) - 0.5)
            return weighed
        out: Tensor = x + self.attend(y)
        return out


class MSPN(nn.Module):
    """The network.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    in_channels : int
        3 (RGB) or 1 (grey).
    channels, blocks : int
        Width and depth.
    attention : {"none", "free", "pixel", "large"}
        See `PerceptualBlock`.
    dilated, blueprint : bool
        See `PerceptualBlock`.
    """

    def __init__(
        self,
        scale: int = 2,
        in_channels: int = 3,
        channels: int = 48,
        blocks: int = 4,
        attention: Attention = "free",
        dilated: bool = True,
        blueprint: bool = True,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.head = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            PerceptualBlock(channels, attention, dilated, blueprint) for _ in range(blocks)
        )
        self.concat = nn.Conv2d(channels * blocks, channels, 1)
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)
        self.upsampler = nn.Sequential(
            nn.Conv2d(channels, in_channels * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] to ``(N, C, s*H, s*W)``."""
        shallow = y = self.head(x)
        seen = []
        for block in self.blocks:
            y = block(y)
            seen.append(y)
        deep = self.tail(_act(self.concat(torch.cat(seen, dim=1)))) + shallow
        # The network adds detail to the input itself, which stays in full precision.
        out: Tensor = self.upsampler(deep) + F.interpolate(
            x, scale_factor=self.scale, mode="nearest"
        )
        return out


def _attention(name: Attention, channels: int) -> nn.Module:
    if name == "pixel":
        return PixelAttention(channels)
    if name == "large":
        return LargeKernelAttention(channels)
    return nn.Identity()
