"""Small networks with random weights: what an engine promises holds for all of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_sr.models import Checkpoint, Model, ModelCard


class Plain(nn.Module):
    """Convolutions with zero padding, PixelShuffle, and the enlarged input added."""

    def __init__(self, scale=2, channels=1, kernels=(3, 3), dilation=1, seed=0, gain=1.0):
        super().__init__()
        self.scale, self.in_channels = scale, channels
        torch.manual_seed(seed)
        widths = [channels, *[6] * (len(kernels) - 1), channels * scale**2]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, k, padding=k // 2 * dilation, dilation=dilation)
            for a, b, k in zip(widths[:-1], widths[1:], kernels, strict=True)
        )
        self.gain = gain

    def forward(self, x):
        y = x
        for layer in self.layers[:-1]:
            y = functional.leaky_relu(layer(y), 0.1)
        y = functional.pixel_shuffle(self.layers[-1](y), self.scale)
        return functional.interpolate(x, scale_factor=self.scale, mode="nearest") + self.gain * y


def make_model(networks, color="grey", value_range=1.0, bfloat16_safe=False, name="double"):
    """A loaded model of networks by native scale."""
    card = ModelCard(
        id=name,
        title=name,
        architecture="double",
        summary="for tests",
        group="Mine",
        color=color,
        value_range=value_range,
        checkpoints=tuple(Checkpoint(scale) for scale in networks),
        bfloat16_safe=bfloat16_safe,
    )
    return Model(card, lambda scale: networks[scale])


@pytest.fixture(scope="session")
def grey():
    """A model for each channel by itself, native x2 and x3."""
    return make_model({2: Plain(2), 3: Plain(3, kernels=(5, 1, 3))})


@pytest.fixture(scope="session")
def rgb():
    """A model for three channels together."""
    return make_model({2: Plain(2, channels=3)}, color="RGB", value_range=255.0)


@pytest.fixture(scope="session")
def luma():
    """A model for Y."""
    return make_model({2: Plain(2), 4: Plain(4)}, color="Y")
