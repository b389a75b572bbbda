"""Footprint: what one image costs a network, counted and measured as the challenges on efficient networks do it."""

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
"""Seconds after which a run need not be repeated as often."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Cost of one network for one small image."""

    shape: tuple[int, int]
    """Height and width of the small image in pixels."""
    parameters: int | None
    """Numbers in the checkpoint, of the merged form; None for a TorchScript or ONNX file, which cannot be counted."""
    macs: int | None
    """Multiply-accumulate operations ("FLOPs" in the challenges' tables)."""
    activations: int | None
    """Elements in the outputs of all convolutions."""
    memory: int | None
    """Most bytes of weights and tensors at one time; None where that cannot be seen."""
    seconds: float
    """Of the quickest run in float32."""
    device: str
    """What it was measured on."""


def footprint(
    model: str | Path | Model,
    scale: int,
    *,
    side: int = 256,
    device: str = "auto",
    repeats: int = 3,
) -> Footprint:
    """Count and measure the network of a model, alone, in float32, merged.

    Parameters
    ----------
    model : str, Path or Model
        As for `napari_sr.load_model`; its weights must be on this machine.
    scale : int
        A native scale of it.
    side : int
        Of the small, square image; 256 in the NTIRE challenges.
    device : str
        As for `napari_sr.upscale`.
    repeats : int
        Runs of which the quickest counts, since others use the machine, too; one more comes before them.

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
    from napari_sr.models import load_model

    if side < 1 or repeats < 1:
        raise InputError("a footprint needs a side and a number of repeats of at least 1")
    where = resolve_device(device)
    loaded = load_model(model)
    network = on_device(loaded.network(scale), where)
    channels = cast("int", network.in_channels)
    image = torch.rand(1, channels, side, side, device=where) * loaded.card.value_range
    image = image.to(memory_format=torch.channels_last)
    parameters, macs, activations = _counted(network, side)
    return Footprint(
        shape=(side, side),
        parameters=parameters,
        macs=macs,
        activations=activations,
        memory=_peak(network, image),  # warms up, too
        seconds=_quickest(network, image, repeats),
        device=where,
    )


def _counted(network: nn.Module, side: int) -> tuple[int | None, int | None, int | None]:
    from napari_sr.models import ExternalNetwork, count_cost

    if isinstance(network, ExternalNetwork):
        return None, None, None
    cost = count_cost(network, side, side)
    return cost.parameters, cost.macs, cost.activations


def _peak(network: nn.Module, image: Tensor) -> int | None:
    import torch

    from napari_sr.inference import PeakTracker
    from napari_sr.models import ExternalNetwork

    with torch.inference_mode():
        if image.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(image.device)
            network(image)
            return int(torch.cuda.max_memory_allocated(image.device))
        with PeakTracker() as tracker:
            network(image)
    if isinstance(network, ExternalNetwork):
        return None  # its tensors are made out of sight
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
