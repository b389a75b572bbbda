"""ECBSR: edge-oriented blocks that train as five branches and run as one 3x3 convolution.

X. Zhang, H. Zeng, L. Zhang, Edge-oriented convolution block for real-time super resolution on mobile
devices, ACM Multimedia 2021.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

SOBEL_X = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
SOBEL_Y = ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0))
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))

Kernel = tuple[Tensor, Tensor]


def _uniform_1x1(out: int, inp: int) -> Kernel:
    """Kernel and bias as a fresh 1x1 convolution has them."""
    conv = nn.Conv2d(inp, out, 1)
    assert conv.bias is not None
    return conv.weight.data, conv.bias.data


class Conv1x1Then3x3(nn.Module):
    """A 1x1 convolution to ``depth`` times the outputs, then a 3x3.

    Parameters
    ----------
    inp, out : int
        Channels.
    depth : int
        Multiplier of the width in between.
    """

    def __init__(self, inp: int, out: int, depth: int = 2) -> None:
        super().__init__()
        k0, b0 = _uniform_1x1(out * depth, inp)
        conv1 = nn.Conv2d(out * depth, out, 3)
        assert conv1.bias is not None
        self.k0, self.b0 = nn.Parameter(k0), nn.Parameter(b0)
        self.k1, self.b1 = nn.Parameter(conv1.weight.data), nn.Parameter(conv1.bias.data)

    def forward(self, x: Tensor) -> Tensor:
        """Both convolutions one after the other; ``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        return F.conv2d(_pad_with_bias(F.conv2d(x, self.k0, self.b0), self.b0), self.k1, self.b1)

    def kernel(self) -> Kernel:
        """Return the one 3x3 convolution that does the same."""
        weight = F.conv2d(self.k1, self.k0.permute(1, 0, 2, 3))
        bias = (self.k1.sum((2, 3)) * self.b0).sum(1) + self.b1
        return weight, bias


class Conv1x1ThenFilter(nn.Module):
    """A 1x1 convolution, then a fixed edge filter on each channel, scaled.

    Parameters
    ----------
    inp, out : int
        Channels.
    mask : 3x3 numbers
        The edge filter (Sobel or Laplacian).
    """

    def __init__(self, inp: int, out: int, mask: tuple[tuple[float, ...], ...]) -> None:
        super().__init__()
        k0, b0 = _uniform_1x1(out, inp)
        self.k0, self.b0 = nn.Parameter(k0), nn.Parameter(b0)
        self.scale = nn.Parameter(1e-3 * torch.randn(out, 1, 1, 1))
        self.bias = nn.Parameter(1e-3 * torch.randn(out))
        masks = torch.tensor(mask).expand(out, 1, 3, 3).clone()
        self.mask = nn.Parameter(masks, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Both one after the other; ``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        inner = _pad_with_bias(F.conv2d(x, self.k0, self.b0), self.b0)
        return F.conv2d(inner, self.scale * self.mask, self.bias, groups=len(self.bias))

    def kernel(self) -> Kernel:
        """Return the one 3x3 convolution that does the same."""
        filters = self.scale * self.mask
        return filters * self.k0, self.b0 * filters.sum((1, 2, 3)) + self.bias


class ECB(nn.Module):
    """The block: the sum of five branches, and an activation.

    Parameters
    ----------
    inp, out : int
        Channels.
    activated : bool
        Whether a PReLU with one slope a channel follows.
    """

    def __init__(self, inp: int, out: int, activated: bool = True) -> None:
        super().__init__()
        self.conv3x3 = nn.Conv2d(inp, out, 3, padding=1)
        self.conv1x1_3x3 = Conv1x1Then3x3(inp, out)
        self.conv1x1_sbx = Conv1x1ThenFilter(inp, out, SOBEL_X)
        self.conv1x1_sby = Conv1x1ThenFilter(inp, out, SOBEL_Y)
        self.conv1x1_lpl = Conv1x1ThenFilter(inp, out, LAPLACIAN)
        self.act: nn.Module = nn.PReLU(out) if activated else nn.Identity()

    def branches(self, x: Tensor) -> Tensor:
        """Sum of the five branches, computed separately."""
        edges = self.conv1x1_sbx(x) + self.conv1x1_sby(x) + self.conv1x1_lpl(x)
        out: Tensor = self.conv3x3(x) + self.conv1x1_3x3(x) + edges
        return out

    def kernel(self) -> Kernel:
        """Return the one 3x3 convolution that equals the five branches."""
        parts = (self.conv1x1_3x3, self.conv1x1_sbx, self.conv1x1_sby, self.conv1x1_lpl)
        kernels = [(self.conv3x3.weight, self.conv3x3.bias)] + [part.kernel() for part in parts]
        weight = torch.stack([k for k, _ in kernels]).sum(0)
        return weight, torch.stack([b for _, b in kernels if b is not None]).sum(0)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``.

        The branches are merged first: gradients reach them through the merge, and a step of training
        costs one convolution, not seven.
        """
        # In bfloat16 the merge itself would lose digits of the branches.
        with torch.autocast(x.device.type, enabled=False):
            weight, bias = self.kernel()
        out: Tensor = self.act(F.conv2d(x, weight, bias, padding=1))
        return out


class PlainBlock(nn.Module):
    """An `ECB` after merging.

    Parameters
    ----------
    inp, out : int
        Channels.
    activated : bool
        Whether a PReLU with one slope a channel follows.
    """

    def __init__(self, inp: int, out: int, activated: bool = True) -> None:
        super().__init__()
        self.conv3x3 = nn.Conv2d(inp, out, 3, padding=1)
        self.act: nn.Module = nn.PReLU(out) if activated else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        out: Tensor = self.act(self.conv3x3(x))
        return out


class _Backbone(nn.Module):
    """Both forms: a chain of blocks, the input repeated under it, one pixel shuffle."""

    block: type[nn.Module]

    def __init__(self, scale: int = 2, m: int = 4, c: int = 16, in_channels: int = 1) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        self.m, self.c = m, c
        inner = [self.block(c, c) for _ in range(m)]
        last = self.block(c, in_channels * scale**2, activated=False)
        self.backbone = nn.Sequential(self.block(in_channels, c), *inner, last)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        skip = x.repeat_interleave(self.scale**2, dim=1)
        return F.pixel_shuffle(self.backbone(x) + skip, self.scale)


class PlainECBSR(_Backbone):
    """ECBSR merged for inference: 3x3 convolutions and PReLU only.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    m, c : int
        Number of inner blocks and their width, as in ECBSR-M4C16.
    in_channels : int
        1 (luma or grey) or 3.
    """

    block = PlainBlock


class ECBSR(_Backbone):
    """ECBSR as it trains.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    m, c : int
        Number of inner blocks and their width, as in ECBSR-M4C16.
    in_channels : int
        1 (luma or grey) or 3.
    """

    block = ECB

    def merged(self) -> PlainECBSR:
        """Make the same function of one 3x3 convolution a block, exact to rounding, borders included."""
        plain = PlainECBSR(self.scale, self.m, self.c, self.in_channels)
        state = {k: v for k, v in self.state_dict().items() if k.endswith("act.weight")}
        for i, ecb in enumerate(self.backbone):
            assert isinstance(ecb, ECB)
            weight, bias = ecb.kernel()
            state[f"backbone.{i}.conv3x3.weight"] = weight.detach()
            state[f"backbone.{i}.conv3x3.bias"] = bias.detach()
        plain.load_state_dict(state)
        return plain


def _pad_with_bias(x: Tensor, bias: Tensor) -> Tensor:
    """Put one pixel around ``x``, holding what a zero-padded input would have given there: the bias."""
    value = bias.view(1, -1, 1, 1)
    return F.pad(x - value, (1, 1, 1, 1)) + value


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """Configuration of either form: the 3x3 branch has the same name in both."""
    blocks = sorted(
        int(name.split(".")[1])
        for name in state
        if name.startswith("backbone.") and name.endswith(".conv3x3.weight")
    )
    if len(blocks) < 2 or blocks != list(range(len(blocks))):
        return None
    first, last = (state[f"backbone.{i}.conv3x3.weight"] for i in (blocks[0], blocks[-1]))
    width, in_channels = first.shape[:2]
    scale = math.isqrt(len(last) // in_channels)
    return {"scale": scale, "m": len(blocks) - 2, "c": width, "in_channels": in_channels}


def _detect_train_form(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    return _detect(state) if "backbone.0.conv1x1_3x3.k0" in state else None


_PAPER = "X. Zhang, H. Zeng, L. Zhang, Edge-oriented convolution block, ACM Multimedia 2021"
_URL = "https://doi.org/10.1145/3474085.3475291"

# The authors trained with values to 255, we with values to 1: the file states which.
register(
    Architecture(
        id="ecbsr",
        title="ECBSR",
        paper=_PAPER,
        url=_URL,
        build=ECBSR,
        detect=_detect_train_form,
    )
)
register(
    Architecture(
        id="ecbsr-plain",
        title="ECBSR, merged",
        paper=_PAPER,
        url=_URL,
        build=PlainECBSR,
        detect=_detect,
    )
)
