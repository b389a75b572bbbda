"""SPAN: attention without parameters, by a symmetric function of the features themselves.

C. Wan, H. Yu, Z. Li, Y. Chen, Y. Zou, Y. Liu, X. Yin, K. Zuo, Swift parameter-free attention network for efficient
super-resolution, CVPR workshops 2024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import (
    Kernel,
    Layer,
    Reparameterised,
    add_numbered,
    centred,
    chained,
    conv1x1,
    conv3x3,
    kernel_of,
    merged_state,
    numbered,
    shuffle,
    total,
)
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAPER", "SPAB", "SPAN", "URL", "Conv3XC", "EvalConvolution", "TrainingSPAN"]

PAPER = (
    "Wan, Yu, Li, Chen, Zou, Liu, Yin, Zuo: Swift parameter-free attention network for efficient super-resolution, "
    "CVPR Workshops 2024"
)
URL = "https://arxiv.org/abs/2311.12770"

_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean color of DIV2K, which the network takes off."""
_RANGE = 255.0


class EvalConvolution(nn.Module):
    """A `Conv3XC` after merging.

    Parameters
    ----------
    inp, out : int
        Channels.
    """

    def __init__(self, inp: int, out: int) -> None:
        super().__init__()
        self.eval_conv = conv3x3(inp, out)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        y: Tensor = self.eval_conv(x)
        return y


class Conv3XC(Reparameterised):
    """1x1 to twice the channels, 3x3, 1x1 back; beside it a 1x1.

    Parameters
    ----------
    inp, out : int
        Channels.
    """

    plain_name = "eval_conv"

    def __init__(self, inp: int, out: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(inp, out, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inp, 2 * inp, 1),
            nn.Conv2d(2 * inp, 2 * out, 3),
            nn.Conv2d(2 * out, out, 1),
        )

    def branches(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``, each branch computed separately."""
        y: Tensor = self.conv(F.pad(x, (1, 1, 1, 1))) + self.sk(x)
        return y

    def kernel(self) -> Kernel:
        """The one 3x3 convolution that equals both branches."""
        first, second, third = (
            kernel_of(conv) for conv in self.conv if isinstance(conv, nn.Conv2d)
        )
        return total(chained(chained(first, second), third), centred(self.sk))


class SPAB(nn.Module):
    """The block: three convolutions, whose output is weighted by a function of itself.

    Parameters
    ----------
    inp, out : int
        Channels; only where they are equal there is a skip and attention.
    convolution : callable (inp, out) -> layer
        Makes the 3x3 layers.
    """

    def __init__(self, inp: int, out: int, convolution: Layer) -> None:
        super().__init__()
        self.attends = inp == out
        self.c1_r, self.c2_r = convolution(inp, out), convolution(out, out)
        self.c3_r = convolution(out, out)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, inp, H, W)`` to the block's output and its first activation, ``(N, out, H, W)`` each."""
        first = F.silu(self.c1_r(x))
        y = self.c3_r(F.silu(self.c2_r(first)))
        return (y + x) * (torch.sigmoid(y) - 0.5) if self.attends else y, first


class SPAN(nn.Module):
    """SPAN merged for inference.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth.
    last : int, optional
        Channels before the upsampler; as many as elsewhere if left out, 20 in the challenge's small form.
    normalised : bool
        Whether the mean of DIV2K is taken off and values are multiplied by 255 first.
    in_channels : int
        1 or 3.
    """

    mean: Tensor
    convolution: Layer = EvalConvolution

    def __init__(
        self,
        scale: int = 4,
        channels: int = 48,
        blocks: int = 6,
        last: int | None = None,
        normalised: bool = True,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels, self.normalised = scale, in_channels, normalised
        mean = torch.tensor(_MEAN if in_channels == 3 else _MEAN[1:2])
        self.register_buffer("mean", mean.view(1, -1, 1, 1), persistent=False)
        make = type(self).convolution
        self.conv_1 = make(in_channels, channels)
        add_numbered(self, "block_", (SPAB(channels, channels, make) for _ in range(blocks)))
        self.conv_cat = conv1x1(4 * channels, last or channels)
        self.conv_2 = make(channels, channels)
        self.upsampler = shuffle(last or channels, in_channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``; values in [0, 1]."""
        first = x = self.conv_1((x - self.mean) * _RANGE if self.normalised else x)
        outputs = []
        inner = x
        for block in numbered(self, "block_"):
            x, inner = block(x)
            outputs.append(x)
        fused = self.conv_cat(torch.cat([first, self.conv_2(x), outputs[0], inner], dim=1))
        out: Tensor = self.upsampler(fused)
        return out


class TrainingSPAN(SPAN):
    """SPAN as it trains.

    Parameters
    ----------
    scale, channels, blocks, last, normalised, in_channels
        As in `SPAN`.
    """

    convolution = Conv3XC

    def merged(self) -> SPAN:
        """The same function with one 3x3 convolution for four, exact to rounding, borders included."""
        last, channels = self.conv_cat.weight.shape[:2]
        blocks = len(numbered(self, "block_"))
        plain = SPAN(self.scale, channels // 4, blocks, last, self.normalised, self.in_channels)
        plain.load_state_dict(merged_state(self))
        return plain


def _detect(state: Mapping[str, Tensor], convolution: str) -> dict[str, Any] | None:
    first, fused = shape(state, f"conv_1.{convolution}.weight"), shape(state, "conv_cat.weight")
    blocks = count(state, f"block_{{}}.c1_r.{convolution}.weight")
    if first is None or fused is None or not blocks:
        return None
    sizes = {"blocks": blocks, "last": fused[0], "normalised": "no_norm" not in state}
    return configuration(state, "upsampler.0.weight", first[1], channels=fused[1] // 4, **sizes)


def _without_mark(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the marker of checkpoints that were trained without normalisation."""
    return {name: value for name, value in state.items() if name != "no_norm"}


def _without_merged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the merged kernels that the authors' training form carries beside its branches."""
    return {
        name: value for name, value in _without_mark(state).items() if ".eval_conv." not in name
    }


register(
    Architecture(
        id="span",
        title="SPAN: swift parameter-free attention network",
        paper=PAPER,
        url=URL,
        build=TrainingSPAN,
        detect=lambda state: _detect(state, "sk"),
        convert=_without_merged,
        value_range=1.0,
    )
)
register(
    Architecture(
        id="span-plain",
        title="SPAN, merged",
        paper=PAPER,
        url=URL,
        build=SPAN,
        detect=lambda state: _detect(state, "eval_conv"),
        convert=_without_mark,
        value_range=1.0,
    )
)
