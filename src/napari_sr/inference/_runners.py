"""Runners: they execute a batch of equal windows on one device.

A runner is given the positions of its windows, for networks whose attention looks beyond a window; all others ignore
them.
"""

from __future__ import annotations

import copy
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.architectures.context import (
    Box,
    ChannelStatistics,
    ContextNetwork,
    StatisticsGathered,
    TileContext,
)
from napari_sr.inference._machine import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class WindowPositions:
    """Where the windows of a batch lie in their image."""

    size: tuple[int, int]
    """Height and width of the whole image, in pixels of the windows."""
    origins: tuple[tuple[int, int], ...]
    """First row and column of each window."""
    interiors: tuple[Box, ...]
    """Top, left, bottom and right of the tile in each window."""
    sample: int = 0
    """Index of the sample that the windows hold, where samples run one by one."""


class Runner(Protocol):
    """Enlarges a batch of windows."""

    scale: int
    """Output pixels per input pixel."""

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
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
        Of the whole image.
    output_needed : bool
        Whether the output is used also in passes that gather statistics; otherwise it may be zeros then.
    """

    def __init__(
        self,
        network: nn.Module,
        value_range: float,
        device: str,
        precision: str,
        statistics: GlobalStatistics | None = None,
        *,
        output_needed: bool = True,
    ) -> None:
        self.scale = int(network.scale)  # type: ignore[arg-type]
        self._network = on_device(network, device)
        self._channels = int(network.in_channels)  # type: ignore[arg-type]
        self._range = value_range
        self._device = device
        self._precision = precision
        self._least = smallest_side(network)
        self._statistics = statistics or GlobalStatistics()
        self._output_needed = output_needed

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows; gray ones are given to an RGB network three times, and its outputs averaged."""
        *_, channels, height, width = batch.shape
        x = batch.to(self._device, memory_format=torch.channels_last) * self._range
        repeated = channels == 1 and self._channels == 3
        if repeated:
            x = x.expand(-1, 3, -1, -1)
        below, right = max(0, self._least - height), max(0, self._least - width)
        if below or right:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        frame = self._frame(positions, (height, width))
        with torch.inference_mode(), autocast(self._device, self._precision):
            y = self._run(x, frame)
        y = y[..., : height * self.scale, : width * self.scale].float() / self._range
        return y.mean(dim=1, keepdim=True) if repeated else y

    def _run(self, x: Tensor, frame: TileContext | None) -> Tensor:
        try:
            y: Tensor = self._network(x) if frame is None else self._network(x, frame)
        except StatisticsGathered:
            *_, height, width = x.shape
            return x.new_zeros(len(x), self._channels, height * self.scale, width * self.scale)
        return y

    def _frame(self, positions: WindowPositions, window: tuple[int, int]) -> TileContext | None:
        """TileContext for networks that look beyond a window; none where the window is the whole image."""
        if positions.size == window or not isinstance(self._network, ContextNetwork):
            return None
        known, gathered = self._statistics.of(positions.sample)
        last = None if self._output_needed else self._network.statistics_layers - 1
        return TileContext(
            positions.size, positions.origins, positions.interiors, known, gathered, last
        )


class Float32Fallback:
    """Repeats windows in float32 where a low precision gave NaN or infinity.

    Parameters
    ----------
    low, full : Runner
        In low precision and in float32.
    repeated : callable
        Called with the number of windows that were repeated.
    """

    def __init__(self, low: Runner, full: Runner, repeated: Callable[[int], None]) -> None:
        self.scale = low.scale
        self._low, self._full, self._repeated = low, full, repeated

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows."""
        y = self._low(batch, positions)
        bad = (~torch.isfinite(y)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        if bad:
            self._repeated(len(bad))
            y[bad] = self._full(batch[bad], _some(positions, bad))
        return y


class Cascade:
    """Runs one network after the other.

    Values outside [0, 1] bypass the next network: they are upscaled bicubically and added to its output.

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

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows."""
        x = self._runners[0](batch, positions)
        done = self._runners[0].scale
        for runner in self._runners[1:]:
            unit = x.clamp(0, 1)
            rest = Bicubic(runner.scale).to(x.device)(x - unit)
            x = rest + runner(unit, _enlarged(positions, done))
            done *= runner.scale
        return x


def _some(positions: WindowPositions, chosen: Sequence[int]) -> WindowPositions:
    origins = tuple(positions.origins[i] for i in chosen)
    return WindowPositions(
        positions.size, origins, tuple(positions.interiors[i] for i in chosen), positions.sample
    )


def _enlarged(positions: WindowPositions, scale: int) -> WindowPositions:
    height, width = positions.size
    return WindowPositions(
        (height * scale, width * scale),
        tuple((y * scale, x * scale) for y, x in positions.origins),
        tuple((t * scale, u * scale, b * scale, v * scale) for t, u, b, v in positions.interiors),
        positions.sample,
    )


class GlobalStatistics:
    """Statistics of a whole image for the global layers of one network, gathered tile by tile, for each sample."""

    def __init__(self) -> None:
        self._known: dict[int, ChannelStatistics] = {}
        self._gathered: dict[int, ChannelStatistics] | None = None

    def start_pass(self) -> None:
        """Begin a pass over all tiles that gathers statistics."""
        self._gathered = {}

    def end_pass(self) -> float:
        """End the pass: what was gathered is used from now on. Returns its relative change from the pass before."""
        before, self._known, self._gathered = self._known, self._gathered or {}, None
        nothing = ChannelStatistics()
        changes = (now.distance(before.get(key, nothing)) for key, now in self._known.items())
        return max(changes, default=0.0)

    def forget(self) -> None:
        """Forget everything, before another image."""
        self._known, self._gathered = {}, None

    def of(self, sample: int) -> tuple[ChannelStatistics | None, ChannelStatistics | None]:
        """Statistics of a sample to use, and to gather into; None for none."""
        known = self._known.get(sample)
        if self._gathered is None:
            return known, None
        return known, self._gathered.setdefault(sample, ChannelStatistics())


_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Sides that are tried to find the smallest that a network accepts."""
_copies: weakref.WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = weakref.WeakKeyDictionary()
_least: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def on_device(network: nn.Module, device: str) -> nn.Module:
    """Copy of a network on a device, with channels last in memory; made once."""
    with _lock:
        copies = _copies.setdefault(network, {})
        if device not in copies:
            moved = copy.deepcopy(network).to(device)
            copies[device] = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return copies[device]


def smallest_side(network: nn.Module) -> int:
    """Shortest side that a network can run on; attention with strides and pooling needs some pixels."""
    if isinstance(network, ContextNetwork):
        return network.minimum_size
    with _lock:
        if network not in _least:
            _least[network] = next((side for side in _SIDES if _runs(network, side)), _SIDES[-1])
        return _least[network]


def _runs(network: nn.Module, side: int) -> bool:
    x = torch.zeros(1, int(network.in_channels), side, side)  # type: ignore[arg-type]
    try:
        with torch.inference_mode():
            return bool(torch.isfinite(network(x)).all())
    except (RuntimeError, ValueError):
        return False
