"""IMDN without attention: IMDN_RTC, the NTIRE 2022 baseline and IMDN+.

IMDN_RTC won the AI in RTC challenge; the baseline is the same chain, eight blocks deep and 64 channels wide; IMDN+
(NTIRE 2022 challenge on efficient super-resolution) distils in six steps, each narrower than the last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, count, shape
from napari_sr.architectures.blocks import add_numbered, conv1x1, conv3x3, numbered, shuffle
from napari_sr.architectures.imdn import IMDB, PAPER, URL
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMDNRTC", "IMDBPlus", "IMDNPlus"]

_BASELINE = {r"\.conv1x1\.": ".c5.", r"\.conv(\d)\.(0\.)?": r".c\1."}
"""Names in the baseline's blocks to those of IMDN_RTC."""


class _Shortcut(nn.Module):
    """A chain and its input added."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.sub = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.sub(x)
        return out


class IMDNRTC(nn.Module):
    """IMDN without attention, as one chain: IMDN_RTC, and the eight-block baseline of NTIRE 2022.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth: 12 and 5 (RTC), 64 and 8 (baseline).
    kernel : int
        Of the last convolution of the chain: 1 (RTC) or 3 (baseline).
    in_channels : int
        1 or 3.
    """

    def __init__(
        self,
        scale: int = 2,
        channels: int = 12,
        blocks: int = 5,
        kernel: int = 1,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        last = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.model = nn.Sequential(
            conv3x3(in_channels, channels),
            _Shortcut(*(IMDB(channels) for _ in range(blocks)), last),
            *shuffle(channels, in_channels, scale),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        out: Tensor = self.model(x)
        return out


class IMDBPlus(nn.Module):
    """Six steps, each a sixth of the channels narrower; SiLU.

    Parameters
    ----------
    channels : int
        Of the input and the output; a multiple of 6.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kept = channels // 6
        widths = [self.kept * parts for parts in (5, 4, 3, 2, 1)]
        add_numbered(self, "c", (conv3x3(width, width) for width in (channels, *widths)))
        self.c7 = conv1x1(6 * self.kept, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        kept, rest = [], x
        for conv in numbered(self, "c")[:6]:
            features = F.silu(conv(rest))
            kept.append(features[:, : self.kept])
            rest = features[:, self.kept :]
        out: Tensor = self.c7(torch.cat(kept, dim=1)) + x
        return out


class IMDNPlus(nn.Module):
    """IMDN+, of the NTIRE 2022 challenge on efficient super-resolution.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width (a multiple of 6) and depth.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 36, blocks: int = 8, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        body = _Shortcut(*(IMDBPlus(channels) for _ in range(blocks)), conv3x3(channels, channels))
        self.FEM = nn.Sequential(conv3x3(in_channels, channels), body)
        self.RM = shuffle(channels, in_channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        out: Tensor = self.RM(self.FEM(x))
        return out


def _detect_rtc(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "model.0.weight")
    blocks = max(count(state, f"model.1.sub.{{}}.{name}.weight", 0) for name in ("c1", "conv1.0"))
    last = shape(state, f"model.1.sub.{blocks}.weight")
    if first is None or last is None or not blocks:
        return None
    sizes = {"channels": first[0], "blocks": blocks, "kernel": last[-1]}
    return configuration(state, "model.2.weight", first[1], **sizes)


def _detect_plus(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first = shape(state, "FEM.0.weight")
    blocks = count(state, "FEM.1.sub.{}.c6.weight", 0)
    if first is None or not blocks:
        return None
    return configuration(state, "RM.0.weight", first[1], channels=first[0], blocks=blocks)


def _convert_rtc(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for theirs, ours in _BASELINE.items():
        state = {re.sub(theirs, ours, name): value for name, value in state.items()}
    return state


register(
    Architecture(
        id="imdn-rtc",
        title="IMDN without attention, as IMDN_RTC and the NTIRE 2022 baseline have it",
        paper=PAPER,
        url=URL,
        build=IMDNRTC,
        detect=_detect_rtc,
        convert=_convert_rtc,
        value_range=1.0,
    )
)
register(
    Architecture(
        id="imdn-plus",
        title="IMDN+: six-way distillation",
        paper="Li, Zhang, Timofte, Van Gool et al.: NTIRE 2022 challenge on efficient super-resolution: methods and "
        "results, CVPR Workshops 2022",
        url="https://arxiv.org/abs/2205.05675",
        build=IMDNPlus,
        detect=_detect_plus,
        value_range=1.0,
    )
)
