"""SMFANet: features modulated by maxima on a coarse grid and by their variance over the image.

M. Zheng, L. Sun, J. Dong, J. Pan, SMFANet: a lightweight self-modulation feature aggregation network for efficient
image super-resolution, ECCV 2024. SMFANet+ is the same network, wider and deeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import conv1x1, conv3x3, on_cells, shuffle
from napari_sr.architectures.context import (
    ContextNetwork,
    GlobalLayer,
    TileContext,
    number_layers,
    spatial_moments,
)
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SMFA", "SMFANet"]

_STRIDE = 8
"""Pixels per cell of the coarse grid."""
_PART = 4
"""One hidden channel in so many goes through the 3x3 convolution of the mixer."""


class LocalDetail(nn.Module):
    """The local branch: a depthwise convolution, then two 1x1 convolutions.

    Parameters
    ----------
    channels : int
        Of the input and the output; twice as many inside.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_0 = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, padding=1, groups=channels),
            conv1x1(2 * channels, 2 * channels),
        )
        self.conv_1 = conv1x1(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.conv_1(F.gelu(self.conv_0(x)))
        return out


class SMFA(GlobalLayer):
    """Self-modulation feature aggregation: a branch weighted by coarse maxima and global variance, and a local one.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear_0 = conv1x1(channels, 2 * channels)
        self.linear_1 = conv1x1(channels, channels)
        self.linear_2 = conv1x1(channels, channels)
        self.lde = LocalDetail(channels)
        self.dw_conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.belt = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        near, far = self.linear_0(x).chunk(2, dim=1)
        variance = self._variance(far, context)
        far = far * on_cells(far, _STRIDE, self._weights, context, variance)
        out: Tensor = self.linear_2(far + self.lde(near))
        return out

    def _weights(self, cells: Tensor, variance: Tensor) -> Tensor:
        """Weights of the cells from their maxima and the variance of each channel."""
        return F.gelu(self.linear_1(self.dw_conv(cells) * self.alpha + variance * self.belt))

    def _variance(self, x: Tensor, context: TileContext | None) -> Tensor:
        """Unbiased variance of each channel over the whole image, shape (N, C, 1, 1) or (1, C, 1, 1)."""
        if context is None:
            return x.var(dim=(2, 3), keepdim=True)
        _, deviation = spatial_moments(x, self.slot, context)
        pixels = context.size[0] * context.size[1]
        return deviation**2 * (pixels / (pixels - 1))


class PCFN(nn.Module):
    """Partial convolution feed-forward network: a quarter of the hidden channels see their neighbors.

    Parameters
    ----------
    channels : int
        Of the input and the output; twice as many inside, so this is even.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.part = hidden // _PART
        self.conv_0 = conv1x1(channels, hidden)
        self.conv_1 = conv3x3(self.part, self.part)
        self.conv_2 = conv1x1(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        x = F.gelu(self.conv_0(x))
        mixed, rest = x[:, : self.part], x[:, self.part :]
        out: Tensor = self.conv_2(torch.cat([F.gelu(self.conv_1(mixed)), rest], dim=1))
        return out


class FMB(nn.Module):
    """The block: modulation, then mixing, each of features scaled to length 1 at every pixel and beside a skip.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.smfa = SMFA(channels)
        self.pcfn = PCFN(channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        x = self.smfa(F.normalize(x), context) + x
        out: Tensor = self.pcfn(F.normalize(x)) + x
        return out


class SMFANet(ContextNetwork):
    """SMFANet, and with 48 channels and 12 blocks SMFANet+.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (even) and depth.
    in_channels : int
        1 or 3.
    """

    minimum_size = _STRIDE

    def __init__(
        self, scale: int = 4, channels: int = 36, blocks: int = 8, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.to_feat = conv3x3(in_channels, channels)
        self.feats = nn.Sequential(*(FMB(channels) for _ in range(blocks)))
        self.to_img = shuffle(channels, in_channels, scale)
        self.statistics_layers = number_layers(self)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        x = features = self.to_feat(x)
        for block in self.feats:
            x = block(x, context)
        out: Tensor = self.to_img(x + features)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "to_feat.weight")
    blocks = count(state, "feats.{}.smfa.alpha", 0)
    if first is None or not blocks:
        return None
    return configuration(state, "to_img.0.weight", first[1], channels=first[0], blocks=blocks)


register(
    Architecture(
        id="smfanet",
        title="SMFANet: self-modulation feature aggregation network",
        paper=(
            "Zheng, Sun, Dong, Pan: SMFANet: a lightweight self-modulation feature aggregation network for efficient "
            "image super-resolution, ECCV 2024"
        ),
        url="https://www.ecva.net/papers/eccv_2024/papers_ECCV/papers/06713.pdf",
        build=SMFANet,
        detect=_detect,
        value_range=1.0,
    )
)
