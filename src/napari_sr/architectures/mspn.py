"""MSPN, the multi-scale perceptual network: the one this project was founded on.

IMDN's outline (a chain of blocks, all their outputs fused, a long skip), with blocks that never lower the resolution
and see many scales at once: three convolutions reach 7x7 pixels, three dilated ones beside them 11x11, and the two are
fused. Nothing in it looks further than its receptive field, so tiles change nothing.

Blueprint separable convolution: D. Haase, M. Amthor, Rethinking depthwise separable convolutions, CVPR 2020. The
parameter-free attention is SPAN's: C. Wan et al., Swift parameter-free attention network, CVPR workshops 2024.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._attention import Attention, make_attention
from napari_sr.architectures._state import count
from napari_sr.architectures.blocks import BSConvU
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

Dilated = Literal["narrow", "full", "none"]

DILATIONS = (1, 2, 2)
"""Of the dilated combination: 11x11 pixels in three convolutions, with neighbours still connected."""

NARROW = 16
"""Channels of the dilated combination beside a block: few, and a multiple of 16, for of others PyTorch 2.13 gets the
gradients wrong in bfloat16 on processors."""

_SLOPE = 0.05


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


class DilatedCombination(nn.Module):
    """Three dilated convolutions one after the other, few channels wide; what each has seen is added up.

    Parameters
    ----------
    channels : int
        Of the input and the output; inside there are `NARROW`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, NARROW, 1)
        self.convs = nn.ModuleList(
            nn.Conv2d(NARROW, NARROW, 3, padding=d, dilation=d) for d in DILATIONS
        )
        self.up = nn.Conv2d(NARROW, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        near = _act(self.convs[0](self.down(x)))
        far = _act(self.convs[1](near))
        farther = _act(self.convs[2](far))
        out: Tensor = self.up(near + far + farther)
        return out


class PerceptualBlock(nn.Module):
    """LFPB: three convolutions, beside them what sees further; fused, and added to the input.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    attention : {"none", "free", "pixel", "large"}
        What weighs the result before it is added to the input.
    dilated : {"narrow", "full", "none"}
        The dilated combination: beside the convolutions and narrow, in their place, or not there.
    blueprint : bool
        A blueprint separable convolution beside each of the three.
    plain : bool
        Without the blueprint convolutions where both see the same window, for they were merged.
    passes : int
        How often the block is applied, each time to what it made before: depth and sight without further kernels.
        If more than once, what a pass adds is scaled by gains of its own, at the start one over the passes. A network
        that was trained with one pass so goes on with more from nearly the same function, in finer steps.
    """

    def __init__(
        self,
        channels: int,
        attention: Attention = "none",
        dilated: Dilated = "narrow",
        blueprint: bool = False,
        plain: bool = False,
        passes: int = 1,
    ) -> None:
        super().__init__()
        steps = DILATIONS if dilated == "full" else (1, 1, 1)
        self.steps = nn.ModuleList(_near_identity(channels, d) for d in steps)
        beside = [i for i, d in enumerate(steps) if blueprint and not (plain and d == 1)]
        self.blueprint = nn.ModuleDict({str(i): BSConvU(channels, channels) for i in beside})
        self.wide = DilatedCombination(channels) if dilated == "narrow" else None
        self.fuse = nn.Conv2d(channels, channels, 1)
        self.attention = attention
        self.attend = make_attention(attention, channels)
        self.gains = nn.ParameterList(
            torch.full((channels, 1, 1), 1 / passes) for _ in range(passes if passes > 1 else 0)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        if not self.gains:
            return x + self._change(x)
        for gain in self.gains:
            change = self._change(x)
            x = x + gain.to(change.dtype) * change
        return x

    def _change(self, x: Tensor) -> Tensor:
        """What one pass adds."""
        y = x
        for step, conv in enumerate(self.steps):
            near = conv(y)
            # Summed before the activation: where both see the same window, they merge into one convolution.
            key = str(step)
            y = _act(near + self.blueprint[key](y) if key in self.blueprint else near)
        y = self.fuse(y)
        if self.wide is not None:
            y = y + self.wide(x)
        if self.attention == "free":
            weighed: Tensor = (x + y) * (torch.sigmoid(y) - 0.5)
            return weighed - x
        out: Tensor = self.attend(y)
        return out

    def merge_into(self, plain: PerceptualBlock) -> None:
        """Give a block made with ``plain=True`` this one's weights, branches summed."""
        own = self.state_dict()
        state = {k: v for k, v in own.items() if k in plain.state_dict()}
        for key in self.blueprint.keys() - plain.blueprint.keys():
            to, branch = f"steps.{key}", f"blueprint.{key}"
            # Nothing is added between its two parts, so that one kernel does the same, borders included.
            kernel = own[f"{branch}.dw.weight"] * own[f"{branch}.pw.weight"]
            state[f"{to}.weight"] = own[f"{to}.weight"] + kernel
            state[f"{to}.bias"] = own[f"{to}.bias"] + own[f"{branch}.dw.bias"]
        plain.load_state_dict(state)


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
    dilated : {"narrow", "full", "none"}
        See `PerceptualBlock`.
    blueprint, plain : bool
        See `PerceptualBlock`.
    passes : int
        See `PerceptualBlock`.
    """

    def __init__(
        self,
        scale: int = 2,
        in_channels: int = 3,
        channels: int = 48,
        blocks: int = 4,
        attention: Attention = "none",
        dilated: Dilated = "narrow",
        blueprint: bool = False,
        plain: bool = False,
        passes: int = 1,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels, self.plain = scale, in_channels, plain
        self.config: dict[str, Any] = {
            "in_channels": in_channels,
            "channels": channels,
            "blocks": blocks,
            "attention": attention,
            "dilated": dilated,
            "blueprint": blueprint,
            "passes": passes,
        }
        self.head = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            PerceptualBlock(channels, attention, dilated, blueprint, plain, passes)
            for _ in range(blocks)
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
        skip = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        out: Tensor = self.upsampler(deep) + skip
        return out

    def grown_from(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights to start from where a network with fewer passes ended, as nearly the same function.

        Parameters
        ----------
        state : mapping
            Weights of a network with at most as many passes.

        Returns
        -------
        dict
            The same weights, the gains spread over the passes of this network.
        """
        grown = dict(state)
        for i, block in enumerate(self.blocks):
            assert isinstance(block, PerceptualBlock)
            name = f"blocks.{i}.gains.{{}}"
            old = [state[name.format(k)] for k in range(count(state, name, first=0))]
            if 1 < len(old) < len(block.gains):
                gains = _spread(torch.stack(old).float(), len(block.gains))
                grown |= {name.format(k): gain for k, gain in enumerate(gains)}
        return grown

    @torch.no_grad()
    def merged(self) -> MSPN:
        """The same function with the mergeable branches merged, exact to rounding, borders included."""
        plain = MSPN(self.scale, **self.config, plain=True).to(self.head.weight)
        state = {k: v for k, v in self.state_dict().items() if not k.startswith("blocks.")}
        plain.load_state_dict(state, strict=False)
        for ours, theirs in zip(self.blocks, plain.blocks, strict=True):
            assert isinstance(ours, PerceptualBlock)
            assert isinstance(theirs, PerceptualBlock)
            ours.merge_into(theirs)
        return plain


def _near_identity(channels: int, dilation: int) -> nn.Conv2d:
    """A 3x3 convolution that begins by passing its input on, as a residual unit merged into one convolution does."""
    conv = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
    with torch.no_grad():
        conv.weight[:, :, 1, 1] += torch.eye(channels)
    return conv


def _spread(gains: Tensor, passes: int) -> Tensor:
    """Gains (passes, C, 1, 1) for more passes: the same course and sum, as an equation is solved in finer steps."""
    course = gains.flatten(1).T[:, None]
    finer = F.interpolate(course, passes, mode="linear", align_corners=True)
    return finer[:, 0].T[..., None, None] * (len(gains) / passes)


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Configuration of a checkpoint; that full-width convolutions are dilated leaves no trace in tensors."""
    # the equivariant MSPN has blocks of the same names and no fusion of their outputs
    if not {"blocks.0.steps.0.weight", "concat.weight", "upsampler.0.weight"} <= state.keys():
        return None
    head, tail = state["head.weight"], state["upsampler.0.weight"]
    large, pixel = "blocks.0.attend.near.weight" in state, "blocks.0.attend.gate.weight" in state
    return {
        "scale": math.isqrt(tail.shape[0] // head.shape[1]),
        "in_channels": head.shape[1],
        "channels": head.shape[0],
        "blocks": state["concat.weight"].shape[1] // head.shape[0],
        "attention": "large" if large else "pixel" if pixel else "none",
        "dilated": "narrow" if "blocks.0.wide.up.weight" in state else "full",
        "blueprint": "blocks.0.blueprint.1.pw.weight" in state,
        "plain": "blocks.0.blueprint.0.pw.weight" not in state,
        "passes": max(count(state, "blocks.0.gains.{}", first=0), 1),
    }


register(
    Architecture(
        id="mspn",
        title="MSPN: multi-scale perceptual network",
        paper="This project's own, after IMDN; see docs/mspn.md",
        url="https://github.com/napari-sr/napari-sr",
        build=MSPN,
        detect=_detect,
        value_range=1.0,
    )
)
