"""Channel attention by contrast (IMDN); on a tile, too, the contrast is that of the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from napari_sr.architectures.context import GlobalLayer, spatial_moments

if TYPE_CHECKING:
    from napari_sr.architectures.context import TileContext


class CCA(GlobalLayer):
    """Weights each channel by a function of its mean plus standard deviation over the image.

    Parameters
    ----------
    channels : int
        At least 16; a sixteenth of them lies between.

    References
    ----------
    Z. Hui et al., Lightweight image super-resolution with information multi-distillation network, ACM Multimedia 2019.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(channels, channels // 16, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 16, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        mean, deviation = spatial_moments(x, self.slot, context)
        out: Tensor = x * self.conv_du(mean + deviation)
        return out
