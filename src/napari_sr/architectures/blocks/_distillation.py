"""Feature distillation of RFDN, which BSRN and BSRN-S keep with other convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_sr.architectures.blocks._convolution import Layer


class ResidualDistillation(nn.Module):
    """Three residual steps, half the channels of each kept; a fourth step; all fused by a 1x1 convolution.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    point, wide : callables (inp, out) -> layer
        Make the 1x1 and the 3x3 layers.
    act : module
        The activation behind each but the last.
    """

    def __init__(self, channels: int, point: Layer, wide: Layer, act: nn.Module) -> None:
        super().__init__()
        half = channels // 2
        self.c1_d, self.c1_r = point(channels, half), wide(channels, channels)
        self.c2_d, self.c2_r = point(channels, half), wide(channels, channels)
        self.c3_d, self.c3_r = point(channels, half), wide(channels, channels)
        self.c4 = wide(channels, half)
        self.c5 = point(4 * half, channels)
        self.act = act

    def distil(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        kept = []
        for keep, step in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            kept.append(_dense_gradient(self.act(keep(x))))
            x = self.refine(step, x)
        kept.append(_dense_gradient(self.act(self.c4(x))))
        out: Tensor = self.c5(torch.cat(kept, dim=1))
        return out

    def refine(self, step: nn.Module, x: Tensor) -> Tensor:
        """One step, residual; ``(N, C, H, W)`` to the same shape."""
        out: Tensor = self.act(step(x) + x)
        return out


def _dense_gradient(x: Tensor) -> Tensor:
    """The same tensor. The gradient of a part of a concatenation is strided, on which activations go back slowly."""
    if x.requires_grad:
        last = x.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if last else torch.contiguous_format
        x.register_hook(lambda gradient: gradient.contiguous(memory_format=order))
    return x
