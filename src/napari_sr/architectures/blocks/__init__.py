"""Building blocks shared by several networks."""

from napari_sr.architectures.blocks._bsconv import BSConvU, LinearBSConvU
from napari_sr.architectures.blocks._cca import CCA
from napari_sr.architectures.blocks._cells import on_cells
from napari_sr.architectures.blocks._convolution import (
    Layer,
    Pointwise,
    add_numbered,
    conv1x1,
    conv3x3,
    leaky,
    numbered,
    shuffle,
)
from napari_sr.architectures.blocks._distillation import ResidualDistillation
from napari_sr.architectures.blocks._esa import (
    MINIMUM_SIZE,
    STRIDE,
    BlueprintESA,
    DeepESA,
    LinearESA,
    PlainESA,
)
from napari_sr.architectures.blocks._grn import GRN
from napari_sr.architectures.blocks._norm import ChannelNorm
from napari_sr.architectures.blocks._reparam import (
    Kernel,
    Reparameterised,
    centred,
    chained,
    identity,
    kernel_of,
    merged_state,
    total,
)

__all__ = [
    "CCA",
    "GRN",
    "MINIMUM_SIZE",
    "STRIDE",
    "BSConvU",
    "BlueprintESA",
    "ChannelNorm",
    "DeepESA",
    "Kernel",
    "Layer",
    "LinearBSConvU",
    "LinearESA",
    "PlainESA",
    "Pointwise",
    "Reparameterised",
    "ResidualDistillation",
    "add_numbered",
    "centred",
    "chained",
    "conv1x1",
    "conv3x3",
    "identity",
    "kernel_of",
    "leaky",
    "merged_state",
    "numbered",
    "on_cells",
    "shuffle",
    "total",
]
