"""FSRCNN: shrink, map, expand, and one transposed convolution at the end; the paper's form and edge-SR's.

C. Dong, C. C. Loy, X. Tang, Accelerating the super-resolution convolutional neural network, ECCV 2016.

The two forms differ in their activations (one slope a channel, or one a layer) and in the phase of the
last layer, so that the weights of one give a shifted image in the other. The tensors do not determine
the scale, since the transposed convolution is 9x9 at every scale: it is found by trying each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from napari_sr.architectures.registry import Architecture, register
from napari_sr.architectures.self_test import identify_config

__all__ = ["FSRCNN", "FSRCNNEdgeSR"]

_SCALES = (2, 3, 4)
_KERNEL = 9

Activation = Callable[[int], nn.Module]


def _with_activations(convolutions: list[nn.Conv2d], activation: Activation) -> nn.Sequential:
    pairs = [(conv, activation(conv.out_channels)) for conv in convolutions]
    return nn.Sequential(*(layer for pair in pairs for layer in pair))


def _mapping(D: int, S: int, M: int) -> list[nn.Conv2d]:
    """Shrink from D to S channels, M 3x3 layers, expand to D again."""
    inner = [nn.Conv2d(S, S, 3, padding=1) for _ in range(M)]
    return [nn.Conv2d(D, S, 1), *inner, nn.Conv2d(S, D, 1)]


def _one_slope_each(channels: int) -> nn.Module:
    return nn.PReLU(channels)


def _one_slope(channels: int) -> nn.Module:
    return nn.PReLU()


class FSRCNN(nn.Module):
    """FSRCNN as in the paper.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    D, S, M : int
        Width, shrunken width, and number of 3x3 layers in between.
    """

    def __init__(self, scale: int = 2, D: int = 56, S: int = 12, M: int = 4) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        self.D, self.S, self.M = D, S, M
        self.first_part = _with_activations([nn.Conv2d(1, D, 5, padding=2)], _one_slope_each)
        self.mid_part = _with_activations(_mapping(D, S, M), _one_slope_each)
        self.last_part = nn.ConvTranspose2d(
            D, 1, _KERNEL, scale, padding=_KERNEL // 2, output_padding=scale - 1
        )
        _start_small(self.last_part)

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        out: Tensor = self.last_part(self.mid_part(self.first_part(x)))
        return out


class FSRCNNEdgeSR(nn.Module):
    """FSRCNN as the edge-SR repository trains it.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    D, S, M : int
        Width, shrunken width, and number of 3x3 layers in between.
    """

    def __init__(self, scale: int = 2, D: int = 56, S: int = 12, M: int = 4) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        self.D, self.S, self.M = D, S, M
        convolutions = [nn.Conv2d(1, D, 5, padding=2), *_mapping(D, S, M)]
        self.net = _with_activations(convolutions, _one_slope)
        self.net.append(
            nn.ConvTranspose2d(
                D,
                1,
                _KERNEL,
                scale,
                padding=(_KERNEL - 1 - scale) // 2 + 1,
                output_padding=(scale + 1) % 2,
            )
        )
        _start_small(self.net[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, 1, H, W)`` to ``(N, 1, s*H, s*W)``."""
        out: Tensor = self.net(x)
        return out


def _start_small(last: nn.Module) -> None:
    """Initialise the last layer as the paper does, so that training starts from black."""
    assert isinstance(last, nn.ConvTranspose2d)
    assert last.bias is not None
    nn.init.normal_(last.weight, std=0.001)
    nn.init.zeros_(last.bias)


def _detect_paper(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    if "first_part.0.weight" not in state or "last_part.weight" not in state:
        return None
    depth = sum(name.startswith("mid_part.") and value.ndim == 4 for name, value in state.items())
    return _with_scale(FSRCNN, state, len(state["first_part.0.weight"]), "mid_part.0.weight", depth)


def _detect_edge_sr(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    slope = state.get("net.1.weight")
    if slope is None or slope.shape != (1,) or "net.2.weight" not in state:
        return None
    depth = sum(value.ndim == 4 for value in state.values()) - 2
    return _with_scale(FSRCNNEdgeSR, state, len(state["net.0.weight"]), "net.2.weight", depth)


def _with_scale(
    build: Callable[..., nn.Module],
    state: Mapping[str, Tensor],
    width: int,
    shrink: str,
    depth: int,
) -> dict[str, Any] | None:
    if shrink not in state or depth < 2:
        return None
    size = {"D": width, "S": len(state[shrink]), "M": depth - 2}
    return identify_config(state, [(build, {"scale": scale, **size}) for scale in _SCALES])[1]


_PAPER = "C. Dong et al., Accelerating the super-resolution convolutional neural network, ECCV 2016"
_URL = "https://arxiv.org/abs/1608.00367"

register(
    Architecture(
        id="fsrcnn",
        title="FSRCNN",
        paper=_PAPER,
        url=_URL,
        build=FSRCNN,
        detect=_detect_paper,
        value_range=1.0,
        color="Y",
    )
)
register(
    Architecture(
        id="fsrcnn-esr",
        title="FSRCNN, edge-SR's form",
        paper=_PAPER,
        url=_URL,
        build=FSRCNNEdgeSR,
        detect=_detect_edge_sr,
        value_range=1.0,
        color="Y",
    )
)
