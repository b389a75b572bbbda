"""Runners: what executes a batch of equal windows. Plain torch is the first of them."""

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
from napari_sr.inference._precision import autocast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Place:
    """Where the windows of a batch lie in their images, for networks whose attention looks beyond a window."""

    size: tuple[int, int]
    """Height and width of the whole image in pixels of the windows."""
    origins: tuple[tuple[int, int], ...]
    """First row and column of each window."""


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
    """

    def __init__(self, network: nn.Module, value_range: float, device: str, precision: str) -> None:
        self.scale = int(network.scale)  # type: ignore[arg-type]
        self._network = on_device(network, device)
        self._channels = int(network.in_channels)  # type: ignore[arg-type]
        self._range = value_range
        self._device = device
        self._precision = precision
        self._least = smallest_side(network)

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
        with autocast(self._device, self._precision):
            y: Tensor = self._network(x)
        y = y[..., : height * self.scale, : width * self.scale].float() / self._range
        return y.mean(dim=1, keepdim=True) if repeated else y


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
            there = Place(place.size, tuple(place.origins[i] for i in bad))
            y[bad] = self._full(batch[bad], there)
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
            x = Bicubic(runner.scale).to(x.device)(x - unit) + runner(unit, _enlarged(place, done))
            done *= runner.scale
        return x


def _enlarged(place: Place, scale: int) -> Place:
    height, width = place.size
    origins = tuple((y * scale, x * scale) for y, x in place.origins)
    return Place((height * scale, width * scale), origins)


_COPIES: weakref.WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = weakref.WeakKeyDictionary()
_LEAST: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def on_device(network: nn.Module, device: str) -> nn.Module:
    """Copy of a network on a device, channels last; made once."""
    with _LOCK:
        copies = _COPIES.setdefault(network, {})
        if device not in copies:
            moved = copy.deepcopy(network).to(device)
            copies[device] = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return copies[device]


def smallest_side(network: nn.Module) -> int:
    """Shortest side that a network can run on; attention with strides and pooling needs some pixels."""
    with _LOCK:
        if network not in _LEAST:
            sides = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
            _LEAST[network] = next((side for side in sides if _runs(network, side)), 64)
        return _LEAST[network]


def _runs(network: nn.Module, side: int) -> bool:
    x = torch.zeros(1, int(network.in_channels), side, side)  # type: ignore[arg-type]
    try:
        with torch.inference_mode():
            return bool(torch.isfinite(network(x)).all())
    except (RuntimeError, ValueError):
        return False
