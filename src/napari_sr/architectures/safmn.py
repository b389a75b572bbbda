"""SAFMN: features modulated by maxima on ever coarser grids.

L. Sun, J. Dong, J. Tang, J. Pan, Spatially-adaptive feature modulation for efficient image super-resolution, ICCV 2023.
With it the form of the NTIRE 2023 challenge, which goes without layer norms and most biases, has coarser grids, one
global normalisation, and adds the bilinearly enlarged image at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import GRN, ChannelNorm, conv3x3, on_cells, shuffle
from napari_sr.architectures.context import ContextNetwork, TileContext, number_layers
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SAFM", "SAFMN", "ChallengeSAFMN"]

_STRIDES = (2, 4, 8)
_CHALLENGE_STRIDES = (4, 8, 16)
"""Pixels per cell of the grids."""


class SAFM(nn.Module):
    """Spatially-adaptive feature modulation: groups of channels, each but the first on a grid of its own, weigh all.

    Parameters
    ----------
    channels : int
        A multiple of the number of groups.
    strides : sequence of int
        Pixels per cell of each group's grid but the first.
    bias : bool
        Of the convolutions.
    """

    def __init__(self, channels: int, strides: Sequence[int], bias: bool) -> None:
        super().__init__()
        self.strides = tuple(strides)
        part = channels // (1 + len(self.strides))
        self.mfr = nn.ModuleList(
            nn.Conv2d(part, part, 3, padding=1, groups=part, bias=bias)
            for _ in range(1 + len(self.strides))
        )
        self.aggr = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        fine, *coarse = x.chunk(len(self.mfr), dim=1)
        maps = [self.mfr[0](fine)]
        for part, conv, stride in zip(coarse, list(self.mfr)[1:], self.strides, strict=True):
            maps.append(on_cells(part, stride, conv, context))
        return F.gelu(self.aggr(torch.cat(maps, dim=1))) * x


class CCM(nn.Module):
    """Convolutional channel mixer.

    Parameters
    ----------
    channels, hidden : int
        Of the input and the output; between the convolutions.
    bias : bool
        Of the convolutions.
    """

    def __init__(self, channels: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.ccm = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, padding=1, bias=bias),
            nn.GELU(),
            nn.Conv2d(hidden, channels, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.ccm(x)
        return out


class AttBlock(nn.Module):
    """The paper's block: modulation, then mixing, each behind a norm and beside a skip.

    Parameters
    ----------
    channels, hidden : int
        Of the input and the output; inside the mixer.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ChannelNorm(channels), ChannelNorm(channels)
        self.safm = SAFM(channels, _STRIDES, bias=True)
        self.ccm = CCM(channels, hidden, bias=True)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        x = self.safm(self.norm1(x), context) + x
        out: Tensor = self.ccm(self.norm2(x)) + x
        return out


class PlainAttBlock(nn.Module):
    """The challenge's block: without norms and biases, on coarser grids.

    Parameters
    ----------
    channels, hidden : int
        Of the input and the output; inside the mixer.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.safm = SAFM(channels, _CHALLENGE_STRIDES, bias=False)
        self.ccm = CCM(channels, hidden, bias=False)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        x = self.safm(x, context) + x
        out: Tensor = self.ccm(x) + x
        return out


class _Trunk(ContextNetwork):
    """The part shared by both forms."""

    block: type[nn.Module]

    def __init__(
        self,
        scale: int = 4,
        channels: int = 36,
        blocks: int = 8,
        hidden: int | None = None,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.to_feat = conv3x3(in_channels, channels)
        make = self.block
        self.feats = nn.Sequential(*(make(channels, hidden or 2 * channels) for _ in range(blocks)))
        self.to_img = shuffle(channels, in_channels, scale)

    def body(self, x: Tensor, context: TileContext | None) -> Tensor:
        """Run all blocks; ``(N, C, H, W)`` to the same shape."""
        for block in self.feats:
            x = block(x, context)
        return x


class SAFMN(_Trunk):
    """SAFMN as in the paper.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (a multiple of 4) and depth.
    hidden : int, optional
        Width inside the mixers; twice the channels if left out.
    in_channels : int
        1 or 3.
    """

    minimum_size = max(_STRIDES)
    block = AttBlock

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        features = self.to_feat(x)
        out: Tensor = self.to_img(self.body(features, context) + features)
        return out


class ChallengeSAFMN(_Trunk):
    """SAFMN as it took part in the NTIRE 2023 challenge.

    Parameters
    ----------
    scale, channels, blocks, hidden, in_channels
        As in `SAFMN`.
    """

    minimum_size = max(_CHALLENGE_STRIDES)
    block = PlainAttBlock

    def __init__(
        self,
        scale: int = 4,
        channels: int = 36,
        blocks: int = 8,
        hidden: int | None = None,
        in_channels: int = 3,
    ) -> None:
        super().__init__(scale, channels, blocks, hidden, in_channels)
        self.norm = GRN(channels)
        self.statistics_layers = number_layers(self)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        enlarged = F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        features = self.norm(self.to_feat(x), context)
        out: Tensor = self.to_img(self.body(features, context)) + enlarged
        return out


def _detect(state: Mapping[str, Tensor], mark: str) -> dict[str, Any] | None:
    first, hidden = shape(state, "to_feat.weight"), shape(state, "feats.0.ccm.ccm.0.weight")
    blocks = count(state, "feats.{}.safm.aggr.weight", 0)
    if mark not in state or first is None or hidden is None or not blocks:
        return None
    sizes = {"channels": first[0], "blocks": blocks, "hidden": hidden[0]}
    return configuration(state, "to_img.0.weight", first[1], **sizes)


_PAPER = "Sun, Dong, Tang, Pan: Spatially-adaptive feature modulation for efficient image super-resolution, ICCV 2023"
_URL = "https://arxiv.org/abs/2302.13800"

register(
    Architecture(
        id="safmn",
        title="SAFMN: spatially-adaptive feature modulation network",
        paper=_PAPER,
        url=_URL,
        build=SAFMN,
        detect=lambda state: _detect(state, "feats.0.norm1.weight"),
        value_range=1.0,
    )
)
register(
    Architecture(
        id="safmn-ntire",
        title="SAFMN as in the NTIRE 2023 challenge",
        paper=_PAPER,
        url=_URL,
        build=ChallengeSAFMN,
        detect=lambda state: _detect(state, "norm.gamma"),
        value_range=1.0,
    )
)
