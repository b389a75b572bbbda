"""RepRFN as it trains: nine branches where the merged network, `RFN`, has one convolution.

W. Deng, H. Yuan, L. Deng, Z. Lu, Reparameterized residual feature network for lightweight image super-resolution,
CVPR workshops 2023. The edge filters are ECBSR's.
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_sr.architectures.blocks import (
    Kernel,
    Reparameterised,
    centred,
    chained,
    identity,
    kernel_of,
    merged_state,
    total,
)
from napari_sr.architectures.ecbsr import LAPLACIAN, SOBEL_X, SOBEL_Y, Conv1x1ThenFilter
from napari_sr.architectures.registry import Architecture, register
from napari_sr.architectures.rfn import PAPER, RFN, URL, detect_body

__all__ = ["RepBlock", "RepRFN"]


class RepBlock(Reparameterised):
    """Sum of 3x3, 3x1, 1x3 and 1x1, 1x1 then 3x3, the identity, and three times 1x1 then an edge filter.

    Parameters
    ----------
    channels : int
        Of the input and the output.
    """

    plain_name = "rbr_reparam"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rbr_3x3_branch = nn.Conv2d(channels, channels, 3, padding=1)
        self.rbr_3x1_branch = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))
        self.rbr_1x3_branch = nn.Conv2d(channels, channels, (1, 3), padding=(0, 1))
        self.rbr_1x1_branch = nn.Conv2d(channels, channels, 1)
        # without bias, so that zeros around its output are what the merged convolution sees
        self.rbr_1x1_3x3_branch_1x1 = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.rbr_1x1_3x3_branch_3x3 = nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False)
        self.rbr_conv1x1_sbx_branch = Conv1x1ThenFilter(channels, channels, SOBEL_X)
        self.rbr_conv1x1_sby_branch = Conv1x1ThenFilter(channels, channels, SOBEL_Y)
        self.rbr_conv1x1_lpl_branch = Conv1x1ThenFilter(channels, channels, LAPLACIAN)

    def _square(self) -> tuple[nn.Conv2d, ...]:
        """The branches that are a single convolution."""
        return self.rbr_3x3_branch, self.rbr_3x1_branch, self.rbr_1x3_branch, self.rbr_1x1_branch

    def _edges(self) -> tuple[Conv1x1ThenFilter, ...]:
        return self.rbr_conv1x1_sbx_branch, self.rbr_conv1x1_sby_branch, self.rbr_conv1x1_lpl_branch

    def branches(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape, each branch computed separately."""
        out: Tensor = x + self.rbr_1x1_3x3_branch_3x3(self.rbr_1x1_3x3_branch_1x1(x))
        for branch in (*self._square(), *self._edges()):
            out = out + branch(x)
        return out

    def kernel(self) -> Kernel:
        """The one 3x3 convolution that equals the branches."""
        wide = kernel_of(self.rbr_1x1_3x3_branch_1x1), kernel_of(self.rbr_1x1_3x3_branch_3x3)
        weight = self.rbr_3x3_branch.weight
        parts = [identity(len(weight), weight), chained(*wide)]
        parts += [centred(conv) for conv in self._square()]
        return total(*parts, *(branch.kernel() for branch in self._edges()))


class RepRFN(RFN):
    """RepRFN as it trains.

    Parameters
    ----------
    scale : int
        Output pixels per input pixel.
    channels, blocks : int
        Width and depth.
    in_channels : int
        1 or 3.
    """

    convolution = RepBlock

    def merged(self) -> RFN:
        """The same function with one convolution for nine branches, exact to rounding, borders included."""
        channels, in_channels = self.fea_conv.weight.shape[:2]
        blocks = sum(isinstance(module, RepBlock) for module in self.modules()) // 3
        plain = RFN(self.scale, channels, blocks, in_channels)
        plain.load_state_dict(merged_state(self))
        return plain


register(
    Architecture(
        id="reprfn",
        title="RepRFN: reparameterized residual feature network",
        paper=PAPER,
        url=URL,
        build=RepRFN,
        detect=lambda state: detect_body(state, "rbr_3x3_branch.weight"),
        value_range=1.0,
    )
)
