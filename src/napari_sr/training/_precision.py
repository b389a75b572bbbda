"""Training precision: whether bfloat16 is faster than float32 on this machine, and whether its gradients are right.

Both are measured, because they depend on the processor and on the version of PyTorch.
"""

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

_TEST_BATCH, _TEST_SIDE = 2, 48
"""Input of the gradient test: a small one, on which wrong gradients show."""
_MAX_DISAGREEMENT = 0.1
"""Relative difference of bfloat16 and float32 gradients: rounding makes 0.003 of it, a wrong gradient 0.4 or more."""
_TIMED_STEPS = 4
"""Steps timed in each precision; the fastest counts, so that a busy machine does not decide."""
_MIN_SPEEDUP = 0.9
"""bfloat16 must take less than this fraction of the time of float32, since it costs accuracy."""


@contextlib.contextmanager
def training_convolutions(device: torch.device) -> Iterator[None]:
    """Context in which a GPU picks the fastest convolution for a fixed patch size, and does not use TF32."""
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


def bfloat16_is_faster(network: nn.Module, step: Callable[[bool], object]) -> bool:
    """Time a few steps in both precisions alternately, and restore the network.

    Parameters
    ----------
    network : nn.Module
        The network that ``step`` changes; its weights are restored.
    step : callable
        Runs one forward and backward pass in bfloat16 (True) or float32 (False).
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seconds = {True: float("inf"), False: float("inf")}
    for _ in range(_TIMED_STEPS):
        for bfloat16 in seconds:
            start = time.perf_counter()
            step(bfloat16)
            seconds[bfloat16] = min(seconds[bfloat16], time.perf_counter() - start)
    network.load_state_dict(before)
    network.zero_grad(set_to_none=True)
    return seconds[True] < _MIN_SPEEDUP * seconds[False]


@torch.enable_grad()
def find_wrong_gradient(network: nn.Module) -> str | None:
    """Name of a convolution whose bfloat16 gradients are wrong on this machine; None if all are right.

    On x86 processors PyTorch 2.13.0 computes some of them wrongly, without a warning: dilated convolutions in
    channels-last layout that are depthwise, or whose number of input channels is not a multiple of 16. (PyTorch issues
    163347 and 169688 report wrong bfloat16 convolutions of other kinds.) Each kind of convolution is tested once.

    Parameters
    ----------
    network : nn.Module
        Not changed.
    """
    tested: set[str] = set()
    for name, module in network.named_modules():
        # Apart from the values, the description of a convolution is all that its gradients depend on.
        if isinstance(module, nn.Conv2d) and str(module) not in tested:
            tested.add(str(module))
            if _disagreement(module) > _MAX_DISAGREEMENT:
                return str(name)
    return None


def _disagreement(conv: nn.Conv2d) -> float:
    """Largest relative difference of a convolution's gradients in both precisions; infinite if one is not finite."""
    shape = (_TEST_BATCH, conv.in_channels, _TEST_SIDE, _TEST_SIDE)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    inputs = inputs.to(conv.weight.device, memory_format=torch.channels_last)
    both = zip(*(_gradients(conv, inputs, bfloat16) for bfloat16 in (False, True)), strict=True)
    errors = [float((r - e).norm() / e.norm().clamp(min=1e-12)) for e, r in both]
    return max(errors) if all(map(math.isfinite, errors)) else math.inf


def _gradients(conv: nn.Conv2d, inputs: Tensor, bfloat16: bool) -> list[Tensor]:
    """Gradients of the parameters and of the input."""
    inputs = inputs.requires_grad_()
    with autocast(inputs.device, bfloat16):
        output = conv(inputs)
    # The mean of squares gives each output value a gradient of its own.
    loss = output.float().square().mean()
    return [each.double() for each in torch.autograd.grad(loss, [*conv.parameters(), inputs])]
