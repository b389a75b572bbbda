"""A network's configuration from the shapes in a state dict."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def shape(state: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    """Shape of a tensor; None if there is none of that name."""
    return tuple(state[name].shape) if name in state else None


def count(state: Mapping[str, Tensor], pattern: str, first: int = 1) -> int:
    """How many names ``pattern.format(first)``, ``pattern.format(first + 1)``, … there are without a gap."""
    found = 0
    while pattern.format(first + found) in state:
        found += 1
    return found


def shuffled_scale(state: Mapping[str, Tensor], name: str, channels: int) -> int | None:
    """Scale of the pixel shuffle behind a convolution to ``channels`` times scale squared; None if it is none."""
    rows = shape(state, name)
    if not rows or not channels or rows[0] % channels:
        return None
    scale = isqrt(rows[0] // channels)
    return scale if scale * scale * channels == rows[0] else None


def configuration(
    state: Mapping[str, Tensor], last: str, in_channels: int, /, **sizes: int
) -> dict[str, Any] | None:
    """Keywords to build a network that ends with the convolution ``last`` and a pixel shuffle; None if it does not."""
    scale = shuffled_scale(state, last, in_channels)
    return None if scale is None else {"scale": scale, **sizes, "in_channels": in_channels}
