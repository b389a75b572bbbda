"""What a network costs, as the challenges on efficient super-resolution count it.

The network is run on tensors that have a shape and no values, so that any image size costs nothing to count.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Cost", "count_cost"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Figures of one network at one image size."""

    parameters: int
    """Numbers in the checkpoint, of the network in the form that was counted."""
    macs: int
    """Multiply-accumulate operations of all convolutions and linear layers; "multi-adds" or "FLOPs" in the papers."""
    activations: int
    """Elements in the outputs of all convolutions."""
    shape: tuple[int, int]
    """Height and width of the low-resolution image, pixels."""


def count_cost(network: nn.Module, height: int = 256, width: int = 256) -> Cost:
    """Count what a network does with one image.

    Parameters
    ----------
    network : torch.nn.Module
        With the attribute ``in_channels``; it is not changed. Merge it first, if it trains with branches.
    height, width : int
        Of the low-resolution image; 256 x 256 in the NTIRE challenges, while the papers' multi-adds are those of
        an output of 1280 x 720 pixels.

    Returns
    -------
    Cost
        A transposed convolution counts where it reads, once per input pixel. Linear layers have MACs but, as in the
        challenges' tables, no activations; element-wise operations have neither.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    channels = cast("int", network.in_channels)
    image = torch.empty(1, channels, height, width, device="meta")
    with torch.no_grad(), _Counter() as counter:
        shadow(image)
    parameters = sum(value.numel() for value in network.parameters())
    return Cost(parameters, counter.macs, counter.activations, (height, width))


class _Counter(TorchDispatchMode):
    """Adds up the operations that are run under it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no annotation there
        self.macs = 0
        self.activations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        operation = func.overloadpacket
        if operation is torch.ops.aten.convolution:
            self.macs += _convolution_macs(args[0], args[1], out, transposed=args[6])
            self.activations += out.numel()
        elif operation in (torch.ops.aten.mm, torch.ops.aten.bmm):
            self.macs += out.numel() * args[0].shape[-1]
        elif operation is torch.ops.aten.addmm:
            self.macs += out.numel() * args[1].shape[-1]
        return out


def _convolution_macs(x: Tensor, weight: Tensor, out: Tensor, *, transposed: bool) -> int:
    """A weight has shape (out, inp / groups, …), or (inp, out / groups, …) if transposed."""
    return (x if transposed else out).numel() * weight[0].numel()
