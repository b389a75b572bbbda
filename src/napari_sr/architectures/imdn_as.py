"""IMDN_AS: IMDN for any scale, working on an image that was enlarged to its final size before.

Two strided convolutions bring the enlarged image down by 4, IMDN's blocks work there, a shuffle by 4 brings it back.
The authors' weights were trained on RealSR, whose small images are real photographs and not bicubic reductions.
Sides that are no multiple of 4 are cut into two overlapping parts that are ("adaptive cropping strategy").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import leaky
from napari_sr.architectures.imdn import PAPER, URL, IMDNTrunk
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_sr.architectures.context import TileContext

__all__ = ["IMDNAS", "adaptively_cropped"]

_STRIDE = 4
_SHAVE = 32


class IMDNAS(IMDNTrunk):
    """IMDN_AS; the output is as large as the input.

    Parameters
    ----------
    channels, blocks : int
        Width (a multiple of 16) and depth.
    in_channels : int
        1 or 3.
    """

    alignment = _STRIDE
    scale = 1

    def __init__(self, channels: int = 64, blocks: int = 6, in_channels: int = 3) -> None:
        first = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, stride=2, padding=1),
            leaky(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        )
        super().__init__(first, _STRIDE, channels, blocks, in_channels)

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)``, already enlarged to its final size, to the same shape.

        With a context, and when traced, H and W must be multiples of 4; otherwise other sizes are cropped adaptively.
        """
        if context is not None:
            return super().forward(x, context.strided(_STRIDE))
        if torch._C._get_tracing_state() is not None or (
            x.shape[-2] % _STRIDE == 0 and x.shape[-1] % _STRIDE == 0
        ):
            return super().forward(x)
        return adaptively_cropped(super().forward, x)


def adaptively_cropped(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Run a network that needs multiples of 4 on an image of any size.

    Four crops, one at each corner, as large as half the image and 32 pixels, rounded down to a multiple of 4; of
    each result its quarter of the image is kept.

    Parameters
    ----------
    network : callable
        Takes ``(N, C, h, w)`` to the same shape, h and w being multiples of 4.
    x : tensor, shape (N, C, H, W)
        Sides below 4 are extended by repeating the border.

    Returns
    -------
    tensor, shape (N, C, H, W)
    """
    height, width = x.shape[-2:]
    x = F.pad(x, (0, max(0, _STRIDE - width), 0, max(0, _STRIDE - height)), mode="replicate")
    rows, columns = _parts(x.shape[-2]), _parts(x.shape[-1])
    crops = torch.cat([x[..., r, c] for r, _ in rows for c, _ in columns])
    results = iter(network(crops).chunk(4))
    bands = [torch.cat([next(results)[..., r, c] for _, c in columns], dim=-1) for _, r in rows]
    return torch.cat(bands, dim=-2)[..., :height, :width]


def _parts(length: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Position of the two crops along an axis, and the part of each that is kept."""
    half = length // 2
    crop = min((half + _SHAVE) // _STRIDE, length // _STRIDE) * _STRIDE
    first = slice(0, crop), slice(0, half)
    return first, (slice(length - crop, length), slice(crop - (length - half), crop))


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "fea_conv.0.weight")
    blocks = count(state, "IMDB{}.cca.conv_du.0.weight")
    if first is None or not blocks:
        return None
    found = configuration(state, "upsampler.0.weight", first[1], channels=first[0], blocks=blocks)
    return found if found and found.pop("scale") == _STRIDE else None


register(
    Architecture(
        id="imdn-as",
        title="IMDN_AS: IMDN for any scale, on an image enlarged before",
        paper=PAPER,
        url=URL,
        build=IMDNAS,
        detect=_detect,
        value_range=1.0,
    )
)
