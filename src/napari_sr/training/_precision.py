"""Which arithmetic trains faster on this machine, and does it rightly: asked of the machine, not of its name."""

from __future__ import annotations

import contextlib
import math
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.backends import cudnn

from napari_sr.inference import full_float32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TRIED_BATCH, _TRIED_SIDE = 2, 48
_MOST_DISAGREEMENT = 0.1
"""Rounding makes 0.003 of it, a wrong gradient 0.4 or more."""


@contextlib.contextmanager
def convolving(device: torch.device) -> Iterator[None]:
    """Context in which a GPU takes the fastest convolution for patches of one size, and float32 is float32."""
    if device.type != "cuda":
        yield
        return
    before = cudnn.benchmark
    with full_float32:
        cudnn.benchmark = True
        try:
            yield
        finally:
            cudnn.benchmark = before


def autocast(device: torch.device, bfloat16: bool) -> AbstractContextManager[object]:
    """Context in which convolutions run in bfloat16, or one that does nothing."""
    if not bfloat16:
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def bfloat16_is_faster(network: nn.Module, step: Callable[[bool], None]) -> bool:
    """Time a few steps in both precisions, in turns, and leave the network as it was.

    Parameters
    ----------
    network : nn.Module
        What ``step`` changes; its weights are put back.
    step : callable
        Runs one forward and backward pass in bfloat16 (True) or float32 (False).
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seconds = {True: float("inf"), False: float("inf")}
    for _ in range(4):
        for bfloat16 in seconds:
            start = time.perf_counter()
            step(bfloat16)
            seconds[bfloat16] = min(seconds[bfloat16], time.perf_counter() - start)
    network.load_state_dict(before)
    network.zero_grad(set_to_none=True)
    return seconds[True] < 0.9 * seconds[False]


@torch.enable_grad()
def wrong_in_bfloat16(network: nn.Module) -> str | None:
    """Name of a convolution that has wrong gradients in bfloat16 on this machine; None if all are right.

    PyTorch 2.13 has such on processors, without a word: dilated convolutions in channels-last layout whose number of
    input channels is not a multiple of 16, or that are depthwise. Each kind that a network has is tried once.

    Parameters
    ----------
    network : nn.Module
        Not changed.
    """
    tried: set[str] = set()
    for name, module in network.named_modules():
        # its description is all that its gradients depend on, but for the values
        if isinstance(module, nn.Conv2d) and str(module) not in tried:
            tried.add(str(module))
            if _disagreement(module) > _MOST_DISAGREEMENT:
                return str(name)
    return None


def _disagreement(conv: nn.Conv2d) -> float:
    """Norm of the difference of both precisions' gradients, over that in float32; infinite where one is not finite."""
    shape = (_TRIED_BATCH, conv.in_channels, _TRIED_SIDE, _TRIED_SIDE)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    seen = inputs.to(conv.weight.device, memory_format=torch.channels_last)
    both = zip(*(_gradients(conv, seen, bfloat16) for bfloat16 in (False, True)), strict=True)
    errors = [float((r - e).norm() / e.norm().clamp(min=1e-12)) for e, r in both]
    return max(errors) if all(map(math.isfinite, errors)) else math.inf


def _gradients(conv: nn.Conv2d, seen: Tensor, bfloat16: bool) -> list[Tensor]:
    """Those of what it learns and of the input."""
    seen = seen.requires_grad_()
    with autocast(seen.device, bfloat16):
        output = conv(seen)
    # a mean of squares: every value of the output has a gradient of its own
    loss = output.float().square().mean()
    return [each.double() for each in torch.autograd.grad(loss, [*conv.parameters(), seen])]
