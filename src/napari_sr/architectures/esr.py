"""edge-SR: one layer of filters and a pixel shuffle, with a maximum or an attention to choose among them.

P. Navarrete Michelini, Y. Lu, X. Jiang, edge-SR: super-resolution for the masses, WACV 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _FilterBank(nn.Module):
    """A bias-free bank of ``maps`` upsampling filters: convolve at low resolution, then shuffle."""

    maps_per_channel: int

    def __init__(self, scale: int = 2, K: int = 7, C: int = 16) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        self.K, self.C = K, C
        maps = self.maps_per_channel * C * scale**2
        self.filter = nn.Conv2d(1, maps, K, padding=(K - 1) // 2, bias=False)
        self.shuffle = nn.PixelShuffle(scale)
        nn.init.xavier_normal_(self.filter.weight)
        # Every filter starts as nearest neighbour, a little disturbed.
        self.filter.weight.data[:, :, K // 2, K // 2] = 1.0

    def maps(self, x: Tensor) -> list[Tensor]:
        """The upsampled maps in groups of C: value, or value and key, or value, query and key."""
        return list(self.shuffle(self.filter(x)).split(self.C, dim=1))


class ESRMax(_FilterBank):
    """eSR-MAX: the largest of C upsampled images, pixel by pixel.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    K : int
        Side of the filters.
    C : int
        How many images compete.
    """

    maps_per_channel = 1

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        (value,) = self.maps(x)
        return value.amax(dim=1, keepdim=True)


class ESRTM(_FilterBank):
    """eSR-TM, template matching: C images weighed by the softmax of C keys.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    K : int
        Side of the filters.
    C : int
        How many templates.
    """

    maps_per_channel = 2

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        value, key = self.maps(x)
        return _attend(value, key)


class ESRTR(_FilterBank):
    """eSR-TR, transformer: C images weighed by the softmax of query times key.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    K : int
        Side of the filters.
    C : int
        How many heads.
    """

    maps_per_channel = 3

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        value, query, key = self.maps(x)
        return _attend(value, query * key)


class ESRCNN(nn.Module):
    """eSR-CNN: three small convolutions before the shuffle, then self-attention of the keys.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    C : int
        How many images are weighed.
    D, S : int
        Width after the first and the second convolution.
    """

    def __init__(self, scale: int = 2, C: int = 8, D: int = 3, S: int = 9) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        self.C, self.D, self.S = C, D, S
        self.filter = nn.Sequential(
            nn.Conv2d(1, D, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(D, S, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(S, 2 * C * scale**2, 3, padding=1, bias=False),
            nn.PixelShuffle(scale),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        value, key = self.filter(x).split(self.C, dim=1)
        return _attend(value, key * key)


def _attend(value: Tensor, score: Tensor) -> Tensor:
    return torch.sum(value * score.softmax(dim=1), dim=1, keepdim=True)
