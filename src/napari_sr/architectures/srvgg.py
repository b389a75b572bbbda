"""SRVGGNetCompact: a plain chain of convolutions that learns the residual of nearest-neighbor enlargement.

X. Wang, L. Xie, C. Dong, Y. Shan, Real-ESRGAN: training real-world blind super-resolution with pure synthetic data,
ICCV workshops 2021; the compact network of that project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional as F

from napari_sr.architectures._state import configuration, shape
from napari_sr.architectures.blocks import conv3x3
from napari_sr.architectures.registry import Architecture, register

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SRVGGNetCompact"]


class SRVGGNetCompact(nn.Module):
    """The network, with PReLU as in every published checkpoint.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, convolutions : int
        Width, and depth without the first and the last convolution.
    in_channels : int
        1 or 3.
    """

    def __init__(
        self, scale: int = 4, channels: int = 64, convolutions: int = 16, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.scale, self.in_channels = scale, in_channels
        layers: list[nn.Module] = [conv3x3(in_channels, channels), nn.PReLU(channels)]
        for _ in range(convolutions):
            layers += [conv3x3(channels, channels), nn.PReLU(channels)]
        self.body = nn.Sequential(*layers, conv3x3(channels, in_channels * scale**2))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, s*H, s*W)``."""
        # a pixel repeated scale**2 times before the shuffle is that pixel enlarged
        return F.pixel_shuffle(self.body(x) + x.repeat_interleave(self.scale**2, dim=1), self.scale)


def _detect(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    first, slopes = shape(state, "body.0.weight"), shape(state, "body.1.weight")
    numbers = [
        int(name.split(".")[1]) for name in state if name.startswith("body.") and name[5].isdigit()
    ]
    if first is None or len(first) != 4 or slopes != (first[0],) or len(numbers) != len(state):
        return None
    last = max(numbers)
    sizes = {"channels": first[0], "convolutions": last // 2 - 1}
    return configuration(state, f"body.{last}.weight", first[1], **sizes)


register(
    Architecture(
        id="srvgg",
        title="SRVGGNetCompact, of Real-ESRGAN",
        paper="Wang, Xie, Dong, Shan: Real-ESRGAN: training real-world blind super-resolution with pure synthetic "
        "data, ICCV Workshops 2021",
        url="https://arxiv.org/abs/2107.10833",
        build=SRVGGNetCompact,
        detect=_detect,
        value_range=1.0,
    )
)
