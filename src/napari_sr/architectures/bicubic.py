"""Bicubic interpolation as a convolution: the bridge from classical to learned upsampling.

For an integer factor s, every output pixel at phase (i, j) of its s×s block is the same weighted sum
of low-resolution pixels. So a classical upsampler is one bank of s² filters followed by PixelShuffle:
the form of an efficient network, and the baseline that every network must beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Bicubic", "TransposedBicubic", "filter_bank"]

_RADIUS = 2  # four taps, which lie on either side of the centre pixel depending on the phase


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -1/2, as MATLAB uses it."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def filter_bank(scale: int) -> Tensor:
    """Make the filters of all phases, shape (scale², 1, 5, 5), in PixelShuffle's channel order."""
    phase = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64)
    rows = _cubic(phase[:, None] - taps)
    return torch.einsum("iy,jx->ijyx", rows, rows).reshape(scale**2, 1, *2 * taps.shape)


def _mirrored(x: Tensor) -> Tensor:
    """Extend the last axis by the radius, mirrored with the edge pixel as MATLAB does.

    Slices rather than indices: made indices would tie a traced network to the device that it was traced on.
    """
    # repeating the edge gives an axis of one pixel a second one, and changes nothing otherwise
    first = functional.pad(x[..., :_RADIUS], (0, 1, 0, 0), mode="replicate")[..., :_RADIUS]
    last = functional.pad(x[..., -_RADIUS:], (1, 0, 0, 0), mode="replicate")[..., -_RADIUS:]
    return torch.cat([first.flip(-1), x, last.flip(-1)], dim=-1)


class Bicubic(nn.Module):
    """Bicubic upsampling by an integer factor; without parameters.

    Equal to MATLAB's ``imresize(image, scale, "bicubic")`` to float rounding, borders included. Works on
    any number of channels, each by itself, and in any value range.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.

    References
    ----------
    R. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29 (1981).
    """

    bank: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.in_channels = 1
        self.register_buffer("bank", filter_bank(scale).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, C, H, W)`` to ``(N, C, scale·H, scale·W)``."""
        n, channels, height, width = x.shape
        x = _mirrored(_mirrored(x.transpose(2, 3)).transpose(2, 3))
        x = x.reshape(n * channels, 1, height + 2 * _RADIUS, width + 2 * _RADIUS)
        y = functional.pixel_shuffle(functional.conv2d(x, self.bank.to(x.dtype)), self.scale)
        return y.reshape(n, channels, height * self.scale, width * self.scale)


class TransposedBicubic(nn.Module):
    """The edge-SR repository's bicubic: one transposed convolution with a stored kernel.

    Its x3 kernel is shifted by a part of a pixel; it is here to reproduce the authors' baseline.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, 1
        side = 4 * scale + 3
        self.net = nn.ConvTranspose2d(
            1,
            1,
            side,
            scale,
            padding=(side - 1 - scale) // 2 + 1,
            output_padding=(scale + 1) % 2,
            bias=False,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Upscale ``(N, 1, H, W)`` to ``(N, 1, scale·H, scale·W)``."""
        out: Tensor = self.net(x)
        return out


def _detect_transposed(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    kernel = state.get("net.weight")
    if state.keys() != {"net.weight"} or kernel is None or kernel.ndim != 4:
        return None
    return {"scale": (kernel.shape[-1] - 3) // 4}


def _never(state: Mapping[str, Tensor]) -> None:
    """Recognize nothing: bicubic has no parameters."""


register(
    Architecture(
        id="bicubic",
        title="Bicubic interpolation as a convolution",
        paper="R. Keys, Cubic convolution interpolation, IEEE TASSP 1981",
        url="https://doi.org/10.1109/TASSP.1981.1163711",
        build=Bicubic,
        detect=_never,
        value_range=1.0,
        color="grey",
    )
)
register(
    Architecture(
        id="bicubic-esr",
        title="Bicubic, edge-SR's form",
        paper="P. Navarrete Michelini et al., edge-SR: super-resolution for the masses, WACV 2022",
        url="https://arxiv.org/abs/2108.10335",
        build=TransposedBicubic,
        detect=_detect_transposed,
        value_range=1.0,
        color="Y",
    )
)
