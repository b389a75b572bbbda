"""How far a program sees, found by changing pixels, where neither its file nor its layers tell.

Our own networks are probed with NaN in float64, which no choice of weights can hide. A program may take float32 only
and swallow NaN; so pixels are inverted, and whatever output changes has seen them. What is found is tried: a
part of an image must give what it gives within the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from napari_sr.models._foreign import ForeignNetwork

__all__ = ["reach"]

_BREADTH = 32
"""Of the test strips."""
_LENGTHS = (96, 288, 768)
"""Of the test strips: most networks see less far than the first reaches. Multiples of every step."""
_IMAGES = 2
_ROUNDING = 1e-6
"""Of the output's largest value: how exactly a part must agree with the whole."""


def reach(network: ForeignNetwork, value_range: float) -> int | None:
    """Radius of a program's receptive field in low-resolution pixels, measured.

    Parameters
    ----------
    network : ForeignNetwork
        The program.
    value_range : float
        It expects values in ``[0, value_range]``.

    Returns
    -------
    int or None
        None where it sees further than 380 pixels, or where its answer depends on which part of an image it is
        given, so that no context makes tiles equal the whole.
    """
    for length in _LENGTHS:
        found = max(_along(network, value_range, length, axis) for axis in (2, 3))
        if found < length // 2 - network.step:
            return found if _local(network, value_range, found) else None
    return None


def _strips(network: ForeignNetwork, value_range: float, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (_IMAGES, network.in_channels, length, _BREADTH)
    # darker at one end, so that statistics of a part are not those of the whole
    shading = torch.linspace(0.2, 1, length)[:, None]
    return torch.rand(shape, generator=generator) * shading * value_range


def _along(network: ForeignNetwork, value_range: float, length: int, axis: int) -> int:
    """Largest distance along a strip from a changed pixel to an output that changed with it."""
    x = _strips(network, value_range, length)
    before = _run(network, x, axis)
    return max(
        _distance(before, network, x, position, axis, value_range)
        for position in range(length // 2, length // 2 + network.step)
    )


def _distance(
    before: Tensor, network: ForeignNetwork, x: Tensor, at: int, axis: int, value_range: float
) -> int:
    changed = x.clone()
    changed[:, :, at, _BREADTH // 2] = value_range - changed[:, :, at, _BREADTH // 2]
    differs = (_run(network, changed, axis) != before).any(dim=3).any(dim=1).any(dim=0)
    rows = differs.reshape(x.shape[2], -1).any(dim=1).nonzero().flatten()
    return int((rows - at).abs().max()) if len(rows) else 0


def _run(network: ForeignNetwork, x: Tensor, axis: int) -> Tensor:
    """Run strips that lie along an axis; the output's strips run along axis 2 again."""
    with torch.inference_mode():
        y: Tensor = network(x if axis == 2 else x.transpose(2, 3))
    return y if axis == 2 else y.transpose(2, 3)


def _local(network: ForeignNetwork, value_range: float, halo: int) -> bool:
    """Whether a part with that much context gives what it gives within the whole."""
    start = 7 * network.step
    context = -(-halo // network.step) * network.step
    kept = 16 * network.step
    x = _strips(network, value_range, start + 2 * context + kept + 5 * network.step)
    whole = _run(network, x, 2)
    part = _run(network, x[:, :, start : start + 2 * context + kept], 2)
    scale = network.scale
    inner = slice(context * scale, (context + kept) * scale)
    outer = slice((start + context) * scale, (start + context + kept) * scale)
    difference = (part[:, :, inner] - whole[:, :, outer]).abs().max()
    return bool(difference <= _ROUNDING * whole.abs().max())
