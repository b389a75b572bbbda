"""The receptive field of a program is measured without knowledge of its layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_sr import upscale
from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.models import load_model
from napari_sr.models._external import ExternalNetwork, probe_receptive_field
from tests.models.exporting import small_model
from tests.models.test_foreign import Enlarging, scripted


def foreign(network, step=1):
    """A network as if nothing were known of it."""
    return ExternalNetwork(network, network.scale, network.in_channels, step)


@pytest.mark.parametrize("value_range", [1.0, 255.0])
@pytest.mark.parametrize(
    "name",
    [
        "bicubic",
        "esr-cnn",
        "ecbsr",
        "srvgg",
        "span",
        "imdn-rtc",
        "lkdn",
        "mspn",
        "mspn-equivariant",
    ],
)
def test_measured_halo_equals_the_analytic_one(name, value_range):
    model = small_model(registry.get(name), 2)
    network = model.network(2)
    assert probe_receptive_field(foreign(network), value_range) == halo(network)


@pytest.mark.parametrize("name", ["imdn", "rfdn", "safmn", "smfanet"])
def test_position_dependent_attention_has_no_halo(name):
    assert (
        probe_receptive_field(foreign(small_model(registry.get(name), 2).network(2)), 1.0) is None
    )


class Blocks(Enlarging):
    """Adds averages over blocks of 4 x 4 pixels, smoothed with their neighbours: what it gives depends on a grid."""

    def forward(self, x):
        blocks = functional.avg_pool2d(functional.avg_pool2d(x, 4), 3, stride=1, padding=1)
        return super().forward(x) + functional.interpolate(blocks, scale_factor=8)


def test_tiles_keep_to_the_grid(tmp_path):
    """The last pixel of a block is seen by the first of the block before: 7 pixels away."""
    path = scripted(Blocks(2, 1), tmp_path / "blocks.pt")
    model = load_model(path, value_range=1, color="grey", trust_program=True)
    network = model.network(2)
    assert (model.halo(2), network.step, network.alignment) == (7, 4, 4)
    image = np.random.default_rng(1).random((52, 71), dtype=np.float32)
    whole = upscale(image, 2, model, tile=None)
    np.testing.assert_allclose(upscale(image, 2, model, tile=16), whole, atol=2e-6)


def test_networks_that_swallow_nan_are_measured():
    class Deaf(nn.Module):
        scale, in_channels = 1, 1

        def forward(self, x):
            blurred = functional.avg_pool2d(x, 5, stride=1, padding=2)
            return torch.where(blurred.isnan(), 0.0, blurred)

    assert probe_receptive_field(foreign(Deaf()), 1.0) == 2
