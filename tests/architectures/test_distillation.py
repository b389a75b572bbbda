"""Feature distillation, as RFDN and BSRN have it."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from napari_sr.architectures.blocks import ResidualDistillation


class _Witnessed(torch.autograd.Function):
    """The identity, which notes how the gradient lies that comes back to it."""

    @staticmethod
    def forward(ctx, x: Tensor, seen: list[Tensor]) -> Tensor:
        ctx.seen = seen
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        ctx.seen.append(gradient)
        return gradient, None


class _Activation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gradients: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        return _Witnessed.apply(x, self.gradients)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_gradients_come_back_as_densely_as_the_images_lay(order):
    """Slices of a concatenation's gradient slow activations down on their way back."""
    act = _Activation()
    wide = partial(nn.Conv2d, kernel_size=3, padding=1)
    block = ResidualDistillation(8, partial(nn.Conv2d, kernel_size=1), wide, act)
    block.to(memory_format=order)
    x = torch.rand(2, 8, 6, 6).to(memory_format=order).requires_grad_()
    block.distil(x).sum().backward()
    assert len(act.gradients) == 7
    assert all(each.is_contiguous(memory_format=order) for each in act.gradients)
