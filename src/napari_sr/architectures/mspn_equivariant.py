"""MSPN without biases: a multi-scale perceptual network that commutes with changes of brightness and contrast.

For every gain a > 0 and offset b, f(a·x + b) = a·f(x) + b to float rounding, and the offset may differ between the
channels of an image. Four properties give this for any weights:

1. The network sees only differences between neighboring pixels. Every convolution of differences is a convolution of
   the image whose kernel sums to zero, in whatever precision its weights are stored, and a flat region is exactly zero.
2. No layer has a bias.
3. The activations are positively homogeneous.
4. The image is enlarged bicubically in float32 and added; the weights of that interpolation sum to one.

So no intensity range has to be chosen, a flat image stays flat exactly, and a faint structure beside a bright one is
enlarged as if it were alone. The blocks are those of MSPN: convolutions of a narrow and of a wide receptive field side
by side, fused. The receptive field is bounded, so tiles with a halo give the whole image's result.

References
----------
S. Mohan, Z. Kadkhodaie, E. Simoncelli, C. Fernandez-Granda, Robust and interpretable blind image denoising via
bias-free convolutional neural networks, ICLR 2020.

S. Herbreteau, E. Moebel, C. Kervrann, Normalization-equivariant neural networks with application to image denoising,
NeurIPS 2023.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.bicubic import filter_bank
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EquivariantMSPN"]

DILATIONS = (1, 2, 2)
"""Of the wide branch: three convolutions see 11x11 pixels, and neighboring pixels stay connected."""

_SLOPE = 0.1
"""Of the leaky ReLU: without biases nothing can move a feature out of its negative part, so it keeps a tenth of it."""

_HEAD = 5
"""Side of the first kernels, in differences; they cost little, because they see two differences a channel."""


def differences(x: Tensor) -> Tensor:
    """Differences to the right and the lower neighbor; at the border, where the image is repeated, zero.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W)
        An image.

    Returns
    -------
    tensor, shape (N, 2 * C, H, W)
        For each channel the horizontal, then the vertical differences.
    """
    right = F.pad(x[..., 1:] - x[..., :-1], (0, 1))
    below = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return torch.stack([right, below], dim=2).flatten(1, 2)


def bicubic_of_differences(scale: int) -> Tensor:
    """Kernels that give the difference between the bicubic and the nearest-neighbor enlargement.

    A tap at row i and column j weighs x[i, j] - x[0, 0], which is a sum of differences along a path: down column 0 to
    row i, then along row i to column j.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.

    Returns
    -------
    tensor, shape (scale**2, 2, 5, 5)
        In the order of `torch.nn.PixelShuffle`; float32.
    """
    bank = filter_bank(scale)[:, 0]
    middle = bank.shape[-1] // 2
    kernels = torch.zeros(len(bank), 2, *bank.shape[1:], dtype=bank.dtype)
    right, below = kernels.unbind(1)
    for tap in range(bank.shape[-1]):
        first, last, sign = (middle, tap, 1) if tap > middle else (tap, middle, -1)
        # columns: every row has its own path to the tap's column
        right[:, :, first:last] += sign * bank[:, :, tap, None]
        # rows: the path down column 0 is shared by all columns
        below[:, first:last, middle] += sign * bank[:, tap].sum(-1, keepdim=True)
    return kernels.float()


class BicubicSkip(nn.Module):
    """Bicubic enlargement from the image and its differences, exact on flat regions; without parameters.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels : int
        Of the image.
    """

    kernels: Tensor

    def __init__(self, scale: int, channels: int) -> None:
        super().__init__()
        self.scale, self.channels = scale, channels
        kernels = bicubic_of_differences(scale).repeat(channels, 1, 1, 1)
        self.register_buffer("kernels", kernels, persistent=False)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """Image ``(N, C, H, W)`` and its differences to ``(N, C, s*H, s*W)``, in the image's precision."""
        with _without_autocast(x.device.type):
            change = F.conv2d(steps, self.kernels, padding=_HEAD // 2, groups=self.channels)
        return F.pixel_shuffle(change + x.repeat_interleave(self.scale**2, dim=1), self.scale)


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Context in which convolutions keep the precision of their inputs; the meta device has no autocast at all."""
    if torch.amp.is_autocast_available(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _conv(inp: int, out: int, side: int = 3, dilation: int = 1) -> nn.Conv2d:
    """Convolution without bias that keeps the size, with zeros around the features."""
    return nn.Conv2d(inp, out, side, padding=dilation * (side // 2), dilation=dilation, bias=False)


def _near_identity(channels: int) -> nn.Conv2d:
    """A 3x3 convolution that starts as a residual unit does: it passes its input on and adds a little to it."""
    conv = _conv(channels, channels)
    with torch.no_grad():
        conv.weight[:, :, 1, 1] += torch.eye(channels)
    return conv


class WideBranch(nn.Module):
    """Three dilated convolutions one after the other, in few channels; the outputs of all three are summed.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    narrow : int
        Channels inside; a multiple of 16, because PyTorch 2.13 computes wrong gradients for others in bfloat16.
    """

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.down = _conv(channels, narrow, 1)
        self.convs = nn.ModuleList(_conv(narrow, narrow, 3, d) for d in DILATIONS)
        self.up = _conv(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        x = _act(self.convs[0](self.down(x)))
        total = x
        for conv in list(self.convs)[1:]:
            x = _act(conv(x))
            total = total + x
        out: Tensor = self.up(total)
        return out


class PerceptualBlock(nn.Module):
    """3x3 convolutions and, beside them, a branch with a wider receptive field; their sum is activated.

    The convolutions start near the identity, so the block is residual without an addition of its own.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    steps : int
        3x3 convolutions.
    narrow : int
        Channels of the wide branch; 0 leaves it out.
    """

    def __init__(self, channels: int, steps: int, narrow: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_near_identity(channels) for _ in range(steps))
        self.wide = WideBranch(channels, narrow) if narrow else None

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        *first, last = self.steps
        y = x
        for conv in first:
            y = _act(conv(y))
        y = last(y)
        if self.wide is not None:
            y = y + self.wide(x)
        return _act(y)


class EquivariantMSPN(nn.Module):
    """The network.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    in_channels : int
        3 (RGB) or 1 (gray).
    channels, blocks : int
        Width and depth.
    steps, narrow : int
        See `PerceptualBlock`.
    """

    def __init__(
        self,
        scale: int = 2,
        in_channels: int = 3,
        channels: int = 48,
        blocks: int = 4,
        steps: int = 3,
        narrow: int = 16,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.head = _conv(2 * in_channels, channels, _HEAD)
        self.blocks = nn.ModuleList(PerceptualBlock(channels, steps, narrow) for _ in range(blocks))
        self.tail = _near_identity(channels)
        self.upsampler = nn.Sequential(
            _conv(channels, in_channels * scale**2), nn.PixelShuffle(scale)
        )
        self.skip = BicubicSkip(scale, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)``, in any range, to ``(N, C, s*H, s*W)``."""
        steps = differences(x)
        shallow = y = self.head(steps)
        for block in self.blocks:
            y = block(y)
        out: Tensor = self.upsampler(self.tail(y) + shallow) + self.skip(x, steps)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    head, narrow = shape(state, "head.weight"), shape(state, "blocks.0.wide.down.weight")
    steps = count(state, "blocks.0.steps.{}.weight", first=0)
    if head is None or head[1] % 2 or head[2] != _HEAD or not steps:
        return None
    sizes = {
        "channels": head[0],
        "blocks": count(state, "blocks.{}.steps.0.weight", first=0),
        "steps": steps,
        "narrow": narrow[0] if narrow else 0,
    }
    return configuration(state, "upsampler.0.weight", head[1] // 2, **sizes)


register(
    Architecture(
        id="mspn-equivariant",
        title="MSPN without biases: multi-scale perceptual network, equivariant to gain and offset",
        paper="This project's own; see docs/mspn.md",
        url="https://github.com/napari-sr/napari-sr",
        build=EquivariantMSPN,
        detect=_detect,
        value_range=1.0,
    )
)
