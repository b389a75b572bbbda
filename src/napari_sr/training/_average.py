"""The running mean of the weights, which is what is validated and kept."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a network's parameters.

    Parameters
    ----------
    network : nn.Module
        The network that is trained; it is copied.
    decay : float
        In [0, 1); 0 follows the weights themselves.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    def restart(self) -> None:
        """Forget the weights so far within the next steps, as those of the start are forgotten."""
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the present weights; faster in the first steps, so that the start is forgotten."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10)) if self.decay else 0.0
        means, values = _floats(self.network), _floats(network)
        torch._foreach_lerp_(means, values, 1 - decay)


def _floats(network: nn.Module) -> list[torch.Tensor]:
    """Parameters, and buffers that are not counters."""
    tensors = (*network.parameters(), *network.buffers())
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
