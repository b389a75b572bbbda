"""Convolutions, chains and upsamplers that nearly every network here uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

Layer = Callable[[int, int], nn.Module]
"""Makes a layer from its number of input and output channels."""


def conv1x1(inp: int, out: int) -> nn.Conv2d:
    """1x1 convolution with bias."""
    return nn.Conv2d(inp, out, 1)


def conv3x3(inp: int, out: int) -> nn.Conv2d:
    """3x3 convolution with bias, zeros around the image."""
    return nn.Conv2d(inp, out, 3, padding=1)


class Pointwise(nn.Linear):
    """A 1x1 convolution whose weights are stored as those of a linear layer, (out, inp)."""

    def forward(self, input: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def leaky() -> nn.LeakyReLU:
    """The activation of IMDN and its descendants."""
    return nn.LeakyReLU(0.05)


def shuffle(inp: int, out: int, scale: int) -> nn.Sequential:
    """3x3 convolution to ``out * scale**2`` channels and pixel shuffle."""
    return nn.Sequential(conv3x3(inp, out * scale**2), nn.PixelShuffle(scale))


def add_numbered(network: nn.Module, prefix: str, blocks: Iterable[nn.Module]) -> None:
    """Add blocks under the names ``prefix1``, ``prefix2``, … as the official checkpoints have them."""
    for number, block in enumerate(blocks, start=1):
        network.add_module(f"{prefix}{number}", block)


def numbered(network: nn.Module, prefix: str) -> list[nn.Module]:
    """The blocks that `add_numbered` added, in order."""
    return [
        block
        for name, block in network.named_children()
        if name.startswith(prefix) and name.removeprefix(prefix).isdigit()
    ]
