"""Which arithmetic trains faster on this machine: asked of the machine, not of its name."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable


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
