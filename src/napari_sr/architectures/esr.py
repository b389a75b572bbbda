"""edge-SR: one layer of filters and a pixel shuffle; a maximum or an attention chooses among them.

P. Navarrete Michelini, Y. Lu, X. Jiang, edge-SR: super-resolution for the masses, WACV 2022.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures.registry import Architecture, register
from napari_sr.architectures.self_test import Candidate, identify_config

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCALES = (2, 3, 4)


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
        """Return the upsampled maps in groups of C: value; or value, key; or value, query, key."""
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


_EDGE_GAIN = 100.0
"""On the usual small random weights: 0.1 of contrast is enough for tanh to be near -1 or 1."""


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
        inner = nn.Conv2d(D, S, 3, padding=1)
        self.filter = nn.Sequential(
            nn.Conv2d(1, D, 5, padding=2),
            nn.Tanh(),
            inner,
            nn.Tanh(),
            nn.Conv2d(S, 2 * C * scale**2, 3, padding=1, bias=False),
            nn.PixelShuffle(scale),
        )
        _sharpen(inner)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        value, key = self.filter(x).split(self.C, dim=1)
        return _attend(value, key * key)


@torch.no_grad()
def _sharpen(conv: nn.Conv2d) -> None:
    """Initialize two thirds of a convolution as edge detectors.

    Its differences are so strong that the tanh behind it makes -1 or 1 of them; the rest stays nearly linear. Training
    does not get there from weak ones.
    """
    edges = conv.weight[: conv.out_channels * 2 // 3]
    edges -= edges.mean(dim=(2, 3), keepdim=True)
    edges *= _EDGE_GAIN
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def _attend(value: Tensor, score: Tensor) -> Tensor:
    return torch.sum(value * score.softmax(dim=1), dim=1, keepdim=True)


def _candidates(maps: int, K: int) -> list[Candidate]:
    """List all configurations that a bank of that many filters can have."""
    return [
        (family, {"scale": scale, "K": K, "C": maps // (family.maps_per_channel * scale**2)})
        for family in (ESRMax, ESRTM, ESRTR)
        for scale in _SCALES
        if maps % (family.maps_per_channel * scale**2) == 0
    ]


def _detect_bank(family: type[_FilterBank], state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    weight = state.get("filter.weight")
    if state.keys() != {"filter.weight"} or weight is None or weight.ndim != 4:
        return None
    candidates = _candidates(len(weight), weight.shape[-1]) if weight.shape[1] == 1 else []
    if not candidates:
        return None
    found, config = identify_config(state, candidates)
    return config if found is family else None


def _detect_cnn(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    weights = [state.get(f"filter.{i}.weight") for i in (0, 2, 4)]
    if len(state) != 5 or any(weight is None or weight.ndim != 4 for weight in weights):
        return None
    D, S, maps = (len(weight) for weight in weights if weight is not None)
    candidates: list[Candidate] = [
        (ESRCNN, {"scale": scale, "C": maps // (2 * scale**2), "D": D, "S": S})
        for scale in _SCALES
        if maps % (2 * scale**2) == 0
    ]
    return identify_config(state, candidates)[1] if candidates else None


_PAPER = "P. Navarrete Michelini et al., edge-SR: super-resolution for the masses, WACV 2022"
_URL = "https://arxiv.org/abs/2108.10335"


def _register_bank(id: str, title: str, family: type[_FilterBank]) -> None:
    register(
        Architecture(
            id=id,
            title=title,
            paper=_PAPER,
            url=_URL,
            build=family,
            detect=partial(_detect_bank, family),
            value_range=1.0,
            color="Y",
        )
    )


_register_bank("esr-max", "eSR-MAX: maximum of filters", ESRMax)
_register_bank("esr-tm", "eSR-TM: template matching", ESRTM)
_register_bank("esr-tr", "eSR-TR: transformer", ESRTR)
register(
    Architecture(
        id="esr-cnn",
        title="eSR-CNN",
        paper=_PAPER,
        url=_URL,
        build=ESRCNN,
        detect=_detect_cnn,
        value_range=1.0,
        color="Y",
    )
)
