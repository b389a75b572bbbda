"""Global response normalization (ConvNeXt V2); on a tile, too, the norms are those of the whole image.

S. Woo et al., ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders, CVPR 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_sr.architectures.context import GlobalLayer, spatial_moments

if TYPE_CHECKING:
    from napari_sr.architectures.context import TileContext


class GRN(GlobalLayer):
    """Scales each channel by its norm over the image, relative to the mean norm of all channels.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, context: TileContext | None = None) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        if context is None:
            norm: Tensor = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        else:
            mean, deviation = spatial_moments(x, self.slot, context)
            norm = (mean**2 + deviation**2).sqrt() * (context.size[0] * context.size[1]) ** 0.5
        weight: Tensor = norm / (norm.mean(dim=1, keepdim=True) + 1e-6)
        return self.gamma * (x * weight) + self.beta + x
