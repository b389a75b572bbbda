"""Runners: what executes a batch of equal windows. Plain torch is the first of them.

A runner is told where its windows lie, for the sake of networks whose attention looks beyond a window; all
others ignore it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.architectures.frame import Box, Frame, FramedNetwork, Gathered
from napari_sr.inference._networks import on_device, smallest_side
from napari_sr.inference._precision import autocast
from napari_sr.inference._statistics import GlobalStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Place:
    """Where the windows of a batch lie in their image."""

    size: tuple[int, int]
    """Height and width of the whole image, in pixels of the windows."""
    origins: tuple[tuple[int, int], ...]
    """First row and column of each window."""
    interiors: tuple[Box, ...]
    """Top, left, bottom and right of the tile in each window."""
    sample: int = 0
    """Which sample of the pixels they hold, where samples run one by one."""


class Runner(Protocol):
    """Enlarges a batch of windows."""

    scale: int
    """Output pixels per input pixel."""

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge float32 windows ``(N, C, H, W)`` with values in [0, 1]."""
        ...


class TorchRunner:
    """Runs a network with torch.

    Parameters
    ----------
    network : torch.nn.Module
        As `Model.network` gives it; a copy of it is used.
    value_range : float
        The network expects values in ``[0, value_range]``.
    device, precision : str
        As resolved.
    statistics : GlobalStatistics, optional
        What is known of the whole image.
    needed : bool
        Whether somebody needs its answer also while statistics are gathered; without, it may be all zeros then.
    """

    def __init__(
        self,
        network: nn.Module,
        value_range: float,
        device: str,
        precision: str,
        statistics: GlobalStatistics | None = None,
        *,
        needed: bool = True,
    ) -> None:
        self.scale = int(network.scale)  # type: ignore[arg-type]
        self._network = on_device(network, device)
        self._channels = int(network.in_channels)  # type: ignore[arg-type]
        self._range = value_range
        self._device = device
        self._precision = precision
        self._least = smallest_side(network)
        self._statistics = statistics or GlobalStatistics()
        self._needed = needed

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows; grey ones are given to a network for RGB three times, and its answers averaged."""
        *_, channels, height, width = batch.shape
        x = batch.to(self._device, memory_format=torch.channels_last) * self._range
        repeated = channels == 1 and self._channels == 3
        if repeated:
            x = x.expand(-1, 3, -1, -1)
        below, right = max(0, self._least - height), max(0, self._least - width)
        if below or right:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        frame = self._frame(place, (height, width))
        with torch.inference_mode(), autocast(self._device, self._precision):
            y = self._run(x, frame)
        y = y[..., : height * self.scale, : width * self.scale].float() / self._range
        return y.mean(dim=1, keepdim=True) if repeated else y

    def _run(self, x: Tensor, frame: Frame | None) -> Tensor:
        try:
            y: Tensor = self._network(x) if frame is None else self._network(x, frame)
        except Gathered:
            *_, height, width = x.shape
            return x.new_zeros(len(x), self._channels, height * self.scale, width * self.scale)
        return y

    def _frame(self, place: Place, window: tuple[int, int]) -> Frame | None:
        """Frame for networks that look beyond a window; none where the window is the whole image."""
        if place.size == window or not isinstance(self._network, FramedNetwork):
            return None
        known, gathered = self._statistics.of(place.sample)
        last = None if self._needed else self._network.statistics_layers - 1
        return Frame(place.size, place.origins, place.interiors, known, gathered, last)


class Careful:
    """Runs windows again in float32 that a low precision turned into NaN or infinity.

    Parameters
    ----------
    quick, full : Runner
        In low and in full precision.
    say : callable
        Told once, in one line.
    """

    def __init__(self, quick: Runner, full: Runner, say: Callable[[str], None]) -> None:
        self.scale = quick.scale
        self._quick, self._full, self._say = quick, full, say

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        y = self._quick(batch, place)
        bad = (~torch.isfinite(y)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        if bad:
            self._say("some tiles overflowed in low precision and were computed again in float32")
            y[bad] = self._full(batch[bad], _some(place, bad))
        return y


class Cascade:
    """Runs one network after the other.

    What leaves a network may lie outside [0, 1]; that part goes round the next one by bicubic.

    Parameters
    ----------
    runners : sequence of Runner
        In the order of running; at least one.
    """

    def __init__(self, runners: Sequence[Runner]) -> None:
        self._runners = tuple(runners)
        self.scale = 1
        for runner in self._runners:
            self.scale *= runner.scale

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        x = self._runners[0](batch, place)
        done = self._runners[0].scale
        for runner in self._runners[1:]:
            unit = x.clamp(0, 1)
            rest = Bicubic(runner.scale).to(x.device)(x - unit)
            x = rest + runner(unit, _enlarged(place, done))
            done *= runner.scale
        return x


def _some(place: Place, chosen: Sequence[int]) -> Place:
    origins = tuple(place.origins[i] for i in chosen)
    return Place(place.size, origins, tuple(place.interiors[i] for i in chosen), place.sample)


def _enlarged(place: Place, scale: int) -> Place:
    height, width = place.size
    return Place(
        (height * scale, width * scale),
        tuple((y * scale, x * scale) for y, x in place.origins),
        tuple((t * scale, u * scale, b * scale, v * scale) for t, u, b, v in place.interiors),
        place.sample,
    )
