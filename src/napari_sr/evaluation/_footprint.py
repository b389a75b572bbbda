"""Footprint of a network: operations, memory and time for one image, as challenges on efficient networks state them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from napari_sr.models import Model

_LONG = 0.5
"""Seconds for each repeat after which no further one is made: long runs vary less."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Cost of one network for one small image."""

    shape: tuple[int, int]
    """Height and width of the small image in pixels."""
    parameters: int | None
    """Parameters of the merged network; None for a TorchScript or ONNX file, whose operations cannot be counted."""
    macs: int | None
    """Multiply-accumulate operations ("FLOPs" in the challenges' tables)."""
    activations: int | None
    """Elements in the outputs of all convolutions."""
    memory: int | None
    """Peak of the bytes of weights and tensors; None where it cannot be measured."""
    seconds: float
    """Duration of the quickest run in float32."""
    device: str
    """Device that it was measured on."""


def footprint(
    model: str | Path | Model,
    scale: int,
    *,
    side: int = 256,
    device: str = "auto",
    repeats: int = 3,
) -> Footprint:
    """Count the operations of a model's network, and measure its memory and time, in float32.

    Parameters
    ----------
    model : str, Path or Model
        As for `napari_sr.load_model`; its weights must be on this machine.
    scale : int
        One of its native scales.
    side : int
        Side of the small, square image in pixels; 256 in the NTIRE challenges.
    device : str
        As for `napari_sr.upscale`.
    repeats : int
        Number of runs after a first one that is not measured. The quickest counts, because other processes can only
        slow a run down.

    Returns
    -------
    Footprint
        The figures.

    Raises
    ------
    InputError
        If the side or the number of repeats is not positive, or the model lacks the scale.
    """
    import torch

    from napari_sr.inference import on_device, resolve_device
    from napari_sr.models import ExternalNetwork, count_cost, load_model

    if side < 1 or repeats < 1:
        raise InputError("a footprint needs a side and a number of repeats of at least 1")
    where = resolve_device(device)
    loaded = load_model(model)
    network = on_device(loaded.network(scale), where)
    channels = cast("int", network.in_channels)
    image = torch.rand(1, channels, side, side, device=where) * loaded.card.value_range
    image = image.to(memory_format=torch.channels_last)
    # A program allocates its tensors where they cannot be observed.
    countable = not isinstance(network, ExternalNetwork)
    cost = count_cost(network, side, side) if countable else None
    peak = _peak(network, image)  # also warms up
    return Footprint(
        shape=(side, side),
        parameters=None if cost is None else cost.parameters,
        macs=None if cost is None else cost.macs,
        activations=None if cost is None else cost.activations,
        memory=peak if countable or image.is_cuda else None,
        seconds=_quickest(network, image, repeats),
        device=where,
    )


def _peak(network: nn.Module, image: Tensor) -> int:
    """Most bytes of weights and tensors at one time."""
    import torch

    from napari_sr.inference import PeakTracker

    with torch.inference_mode():
        if image.is_cuda:
            torch.cuda.reset_peak_memory_stats(image.device)
            network(image)
            return int(torch.cuda.max_memory_allocated(image.device))
        with PeakTracker() as tracker:
            network(image)
    held = (image, *network.parameters(), *network.buffers())
    return int(tracker.peak) + sum(each.nbytes for each in held)


def _quickest(network: nn.Module, image: Tensor, repeats: int) -> float:
    import torch

    times: list[float] = []
    with torch.inference_mode():
        while len(times) < repeats and sum(times) < _LONG * repeats:
            started = time.perf_counter()
            network(image)
            if image.device.type == "cuda":
                torch.cuda.synchronize(image.device)
            times.append(time.perf_counter() - started)
    return min(times)
