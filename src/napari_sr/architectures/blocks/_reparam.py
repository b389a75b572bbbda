"""Re-parameterisation: convolutions side by side or in a row that one 3x3 convolution can stand for.

A 3x3 convolution behind a 1x1 with bias must see that bias outside the image, not zeros, or the merged convolution
differs at the border; padding the image before the 1x1 gives just that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Kernel = tuple[Tensor, Tensor]
"""Weight (out, inp, k, k) and bias (out) of a convolution with zeros around the image."""


def kernel_of(conv: nn.Conv2d) -> Kernel:
    """Weight and bias of a layer; a missing bias is 0."""
    weight = conv.weight
    return weight, weight.new_zeros(len(weight)) if conv.bias is None else conv.bias


def centred(conv: nn.Conv2d) -> Kernel:
    """A 1x1, 1x3 or 3x1 convolution as a 3x3 one."""
    weight, bias = kernel_of(conv)
    rows, columns = ((3 - side) // 2 for side in weight.shape[2:])
    return F.pad(weight, (columns, columns, rows, rows)), bias


def identity(channels: int, like: Tensor) -> Kernel:
    """The 3x3 convolution that changes nothing."""
    weight = like.new_zeros(channels, channels, 3, 3)
    weight[:, :, 1, 1] = torch.eye(channels).to(like)
    return weight, like.new_zeros(channels)


def chained(first: Kernel, second: Kernel) -> Kernel:
    """Two convolutions one after the other, at least one of them 1x1; outside the image stands the first's bias."""
    (inner, inner_bias), (outer, outer_bias) = first, second
    if inner.shape[-1] == 1:
        weight = torch.einsum("omyx,mi->oiyx", outer, inner[:, :, 0, 0])
    else:
        weight = torch.einsum("om,miyx->oiyx", outer[:, :, 0, 0], inner)
    return weight, outer.sum((2, 3)) @ inner_bias + outer_bias


def total(*kernels: Kernel) -> Kernel:
    """Convolutions side by side, their results added."""
    weights, biases = zip(*kernels, strict=True)
    return torch.stack(weights).sum(0), torch.stack(biases).sum(0)


class Reparameterised(nn.Module, ABC):
    """A block of several branches that one 3x3 convolution can stand for.

    `forward` merges first, so that a training step costs one convolution and gradients reach the branches
    through the merge.
    """

    plain_name: str
    """What the one convolution is called in the merged network."""

    @abstractmethod
    def branches(self, x: Tensor) -> Tensor:
        """Sum of the branches, computed separately."""

    @abstractmethod
    def kernel(self) -> Kernel:
        """The one convolution that equals the branches."""

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        # in bfloat16 the merge itself would lose digits of the branches
        with torch.autocast(x.device.type, enabled=False):
            weight, bias = self.kernel()
        return F.conv2d(x, weight, bias, padding=1)


def merged_state(network: nn.Module) -> dict[str, Tensor]:
    """State of a network in which each `Reparameterised` block is replaced by its one convolution."""
    state = network.state_dict()
    for name, block in network.named_modules():
        if isinstance(block, Reparameterised):
            for key in block.state_dict():
                del state[f"{name}.{key}"]
            weight, bias = block.kernel()
            state[f"{name}.{block.plain_name}.weight"] = weight.detach()
            state[f"{name}.{block.plain_name}.bias"] = bias.detach()
    return state
