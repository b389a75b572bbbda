"""Networks made ready for a device, once, and what has to be known of them."""

from __future__ import annotations

import copy
import threading
import weakref

import torch
from torch import nn

from napari_sr.architectures.frame import FramedNetwork

_SIDES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_copies: weakref.WeakKeyDictionary[nn.Module, dict[str, nn.Module]] = weakref.WeakKeyDictionary()
_least: weakref.WeakKeyDictionary[nn.Module, int] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


def on_device(network: nn.Module, device: str) -> nn.Module:
    """Copy of a network on a device, channels last; made once."""
    with _lock:
        copies = _copies.setdefault(network, {})
        if device not in copies:
            moved = copy.deepcopy(network).to(device)
            copies[device] = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return copies[device]


def smallest_side(network: nn.Module) -> int:
    """Shortest side that a network can run on; attention with strides and pooling needs some pixels."""
    if isinstance(network, FramedNetwork):
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
