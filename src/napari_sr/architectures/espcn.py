"""ESPCN: the network that introduced PixelShuffle, in the form of the edge-SR repository.

W. Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel
convolutional neural network, CVPR 2016.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ESPCN"]


class ESPCN(nn.Module):
    """Three convolutions at low resolution, a pixel shuffle, and a sigmoid.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    D : int
        Width after the 5x5 convolution; 0 leaves that layer out.
    S : int
        Width after the 3x3 convolution that follows.
    """

    def __init__(self, scale: int = 2, D: int = 64, S: int = 32) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        self.D, self.S = D, S
        first = [nn.Conv2d(1, D, 5, padding=2), nn.Tanh()] if D else []
        self.net = nn.Sequential(
            *first,
            nn.Conv2d(D or 1, S, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(S, scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``; the output lies in (0, 1)."""
        out: Tensor = self.net(x)
        return out


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    layers = [0, 2, 4] if "net.4.weight" in state else [0, 2]
    expected = {f"net.{i}.{kind}" for i in layers for kind in ("weight", "bias")}
    if state.keys() != expected or any(state[f"net.{i}.weight"].ndim != 4 for i in layers):
        return None
    scale = math.isqrt(len(state[f"net.{layers[-1]}.bias"]))
    width = len(state["net.0.bias"]) if len(layers) == 3 else 0
    return {"scale": scale, "D": width, "S": len(state[f"net.{layers[-2]}.bias"])}


register(
    Architecture(
        id="espcn",
        title="ESPCN",
        paper="W. Shi et al., Real-time single image and video super-resolution, CVPR 2016",
        url="https://arxiv.org/abs/1609.05158",
        build=ESPCN,
        detect=_detect,
        value_range=1.0,
        color="Y",
    )
)
