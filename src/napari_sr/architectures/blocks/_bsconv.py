"""Blueprint separable convolution.

D. Haase, M. Amthor, Rethinking depthwise separable convolutions, CVPR 2020 (the unconstrained form, BSConv-U).
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.architectures.blocks._convolution import Pointwise


class BSConvU(nn.Module):
    """A 1x1 convolution without bias, then a 3x3 convolution of each channel for itself.

    Parameters
    ----------
    inp, out : int
        Channels.
    stride : int
        1 keeps the size, with zeros around the image; another stride goes without any.
    """

    def __init__(self, inp: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.pw: nn.Module = nn.Conv2d(inp, out, 1, bias=False)
        self.dw = nn.Conv2d(out, out, 3, stride, padding=int(stride == 1), groups=out)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, inp, H, W)`` to ``(N, out, H, W)``."""
        out: Tensor = self.dw(self.pw(x))
        return out


class LinearBSConvU(BSConvU):
    """BSConv-U whose 1x1 part is stored as a linear layer and has a bias.

    Parameters
    ----------
    inp, out : int
        Channels.
    """

    def __init__(self, inp: int, out: int) -> None:
        super().__init__(inp, out)
        self.pw = Pointwise(inp, out)
