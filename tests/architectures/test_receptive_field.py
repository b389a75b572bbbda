"""The halo found in a network is how far it really sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_sr.architectures import registry
from napari_sr.architectures.bicubic import Bicubic, TransposedBicubic
from napari_sr.architectures.ecbsr import ECBSR, PlainECBSR
from napari_sr.architectures.espcn import ESPCN
from napari_sr.architectures.esr import ESRCNN, ESRTM, ESRTR, ESRMax
from napari_sr.architectures.fsrcnn import FSRCNN, FSRCNNEdgeSR
from napari_sr.architectures.receptive_field import halo

HALOS = [
    (Bicubic(2), 2),
    (Bicubic(3), 2),
    (TransposedBicubic(2), 3),
    (ESPCN(2, D=8, S=6), 4),
    (ESPCN(3, D=0, S=6), 2),
    (ESRMax(2, K=3, C=1), 1),
    (ESRMax(4, K=7, C=6), 3),
    (ESRTM(2, K=5, C=4), 2),
    (ESRTR(3, K=7, C=4), 3),
    (ESRCNN(2), 4),
    (FSRCNN(2), 8),
    (FSRCNN(4), 7),
    (FSRCNN(2, D=6, S=3, M=1), 5),
    (FSRCNNEdgeSR(2), 8),
    (FSRCNNEdgeSR(3), 7),
    (FSRCNNEdgeSR(4), 7),
    (ECBSR(2, m=4, c=8), 6),
    (PlainECBSR(2, m=10, c=16), 12),
    (PlainECBSR(4, m=0, c=4, in_channels=3), 2),
]


def name(value):
    return value if isinstance(value, int) else f"{type(value).__name__}-x{value.scale}"


def randomised(network: nn.Module) -> nn.Module:
    """Weights without any zero or symmetry that could hide an influence."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3 + 0.01
    return network.double().eval()


def reach_of_one_pixel(network: nn.Module, size: int = 41) -> int:
    """How far off, in low-resolution pixels, the output changes when the middle pixel does."""
    x = torch.rand(1, network.in_channels, size, size, dtype=torch.float64)
    changed = x.clone()
    middle = size // 2
    changed[..., middle, middle] += 0.5
    with torch.inference_mode():
        difference = (network(changed) - network(x)).abs().sum(dim=(0, 1))
    at = (difference > 1e-13).nonzero() // network.scale - middle
    return int(at.abs().max())


@pytest.mark.parametrize(("network", "expected"), HALOS, ids=name)
def test_halo_is_the_literal_radius(network, expected):
    assert halo(network) == expected


@pytest.mark.parametrize(("network", "expected"), HALOS, ids=name)
def test_a_changed_pixel_is_felt_up_to_the_halo_and_no_farther(network, expected):
    assert reach_of_one_pixel(randomised(network)) == expected


def test_halo_leaves_the_network_as_it_was():
    network = ESPCN(2).train()
    halo(network)
    assert network.training
    assert next(network.parameters()).dtype == torch.float32


def test_weights_of_zero_do_not_hide_the_receptive_field():
    network = ESPCN(2)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert halo(network) == 4


class MeanSubtracted(nn.Module):
    """Sees the whole image, whatever its size."""

    scale, in_channels = 1, 1

    def forward(self, x):
        return x - x.mean(dim=(2, 3), keepdim=True)


def test_global_statistics_have_no_halo():
    assert halo(MeanSubtracted()) is None


class OneDirection(nn.Module):
    """Sees a pixel 40 to the left in one leap."""

    scale, in_channels = 1, 1

    def forward(self, x):
        return x + nn.functional.pad(x, (40, 0))[..., : x.shape[-1]]


def test_a_long_leap_in_one_direction_is_found():
    assert halo(OneDirection()) == 40


class Blocks(nn.Module):
    """Averages blocks of 4: what a pixel reaches depends on where in the block it lies."""

    scale, in_channels, alignment = 1, 1, 4

    def forward(self, x):
        return nn.functional.interpolate(
            nn.functional.avg_pool2d(x, 4, ceil_mode=True), x.shape[2:]
        )


def test_position_in_the_grid_is_taken_into_account():
    assert halo(Blocks()) >= 3


@pytest.mark.parametrize("id", ["imdn", "rfdn", "bsrn", "rlfn"])
def test_attention_over_the_image_has_no_halo(id):
    assert halo(registry.get(id).build(scale=2)) is None
