"""Cost of a network, counted as the challenges on efficient super-resolution count it.

The network is run on tensors that have a shape but no values, so that counting is as quick for a large image as for a
small one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Cost", "count_cost"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one network at one image size."""

    parameters: int
    """Number of parameters, of the network in the form that was counted."""
    macs: int
    """Multiply-accumulate operations of all convolutions and linear layers; "multi-adds" or "FLOPs" in the papers."""
    activations: int
    """Elements in the outputs of all convolutions."""
    shape: tuple[int, int]
    """Height and width of the low-resolution image, pixels."""


def count_cost(network: nn.Module, height: int = 256, width: int = 256) -> Cost:
    """Count the operations of a network for one image.

    Parameters
    ----------
    network : torch.nn.Module
        With the attribute ``in_channels``; it is not changed. Merge it first if it was trained with branches.
    height, width : int
        Of the low-resolution image. The NTIRE challenges use 256 x 256; papers state the multiply-adds for an
        output of 1280 x 720 pixels.

    Returns
    -------
    Cost
        A transposed convolution is counted once per input pixel. Linear layers have MACs but, as in the
        challenges' tables, no activations; element-wise operations have neither.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    channels = cast("int", network.in_channels)
    image = torch.empty(1, channels, height, width, device="meta")
    arithmetic = FlopCounterMode(display=False)
    with torch.no_grad(), arithmetic, _ActivationCounter() as counter:
        shadow(image)
    parameters = sum(value.numel() for value in network.parameters())
    macs = arithmetic.get_total_flops() // 2  # one multiplication and one addition each
    return Cost(parameters, macs, counter.activations, (height, width))


class _ActivationCounter(TorchDispatchMode):
    """Counts the elements that convolutions give: PyTorch counts arithmetic only."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.activations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket is torch.ops.aten.convolution:
            self.activations += out.numel()
        return out
