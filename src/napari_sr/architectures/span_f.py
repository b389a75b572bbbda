"""SPAN-F: SPAN made faster, for the NTIRE 2025 challenge on efficient super-resolution.

A grouped convolution that starts as nearest-neighbour enlargement goes beside five SPAN blocks, of which the first
works on the image itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import count, shape, shuffled_scale
from napari_sr.architectures.blocks import add_numbered, conv1x1, numbered
from napari_sr.architectures.registry import Architecture, register
from napari_sr.architectures.span import SPAB, EvalConvolution

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SPANF"]


class SPANF(nn.Module):
    """SPAN-F, merged, as its checkpoints are.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 32, blocks: int = 5, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        shuffled = in_channels * scale**2
        self.conv_near = nn.Conv2d(
            in_channels, shuffled, 3, padding=1, groups=in_channels, bias=False
        )
        widths = [in_channels] + [channels] * (blocks - 1)
        add_numbered(self, "block_", (SPAB(width, channels, EvalConvolution) for width in widths))
        self.conv_cat = conv1x1(2 * channels + shuffled, channels)
        self.conv_2 = EvalConvolution(channels, shuffled)
        with torch.no_grad():
            nn.init.zeros_(self.conv_near.weight)[:, :, 1, 1] = 1

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        near = self.conv_near(x)
        outputs = []
        for block in numbered(self, "block_"):
            x, _ = block(x)
            outputs.append(x)
        fused = self.conv_cat(torch.cat([near, outputs[-1], outputs[0]], dim=1))
        return F.pixel_shuffle(self.conv_2(fused), self.scale)


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    near, fused = shape(state, "conv_near.weight"), shape(state, "conv_cat.weight")
    first = shape(state, "block_1.c1_r.eval_conv.weight")
    if near is None or fused is None or first is None:
        return None
    scale = shuffled_scale(state, "conv_near.weight", first[1])
    blocks = count(state, "block_{}.c1_r.eval_conv.weight")
    sizes = {"channels": fused[0], "blocks": blocks, "in_channels": first[1]}
    return None if scale is None else {"scale": scale, **sizes}


register(
    Architecture(
        id="span-f",
        title="SPAN-F: fast SPAN with an image-space skip",
        paper="Ren, Guo, Sun, Wu, Timofte, Li et al.: The tenth NTIRE 2025 efficient super-resolution challenge "
        "report, CVPR Workshops 2025",
        url="https://arxiv.org/abs/2504.10686",
        build=SPANF,
        detect=_detect,
        value_range=1.0,
    )
)
