"""Small networks with random weights: what the engine guarantees must hold for all of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_sr.inference import _composite
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


class Limited(Plain):
    """Runs out of memory where a batch has more pixels than a limit, which may be changed at any time.

    The limit belongs to the class, because the engine runs a copy of the network.
    """

    limit = 10**9
    error: Exception = torch.OutOfMemoryError("CUDA out of memory")

    def forward(self, x):
        if not x.is_meta and x.shape[0] * x.shape[2] * x.shape[3] > self.limit:
            raise self.error
        return super().forward(x)


class Exploding(Plain):
    """Explodes around the brightest pixels, as attention does; elsewhere nearest neighbor."""

    offset = 1e4

    def __init__(self):
        super().__init__(2, gain=0.0)

    def forward(self, x):
        y = super().forward(x)
        ones = torch.ones(1, 1, 3, 3, device=x.device)
        hot = functional.conv2d((x > 0.95).float(), ones, padding=1)
        near = hot.repeat_interleave(2, 2).repeat_interleave(2, 3) > 0
        return torch.where(near, y + self.offset, y)


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


def collect(steps):
    """What a generator returns, and a list of what it yields."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


@pytest.fixture(scope="session")
def grey():
    """A model for single channels, with native scales 2 and 3."""
    return make_model({2: Plain(2), 3: Plain(3, kernels=(5, 1, 3))})


@pytest.fixture(scope="session")
def rgb():
    """A model for three channels together."""
    return make_model({2: Plain(2, channels=3)}, color="RGB", value_range=255.0)


@pytest.fixture(scope="session")
def luma():
    """A model for luma."""
    return make_model({2: Plain(2), 4: Plain(4)}, color="Y")


@pytest.fixture
def limited():
    """A model whose network runs out of memory where `Limited.limit` is set to less than its batches need."""
    model = make_model({2: Limited(2)})
    model.halo(2)
    yield model
    Limited.limit, Limited.error = 10**9, torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture
def unchecked(monkeypatch):
    """No bicubic fallback: random weights stray from the image, and replacing them would hide what is tested."""
    monkeypatch.setattr(_composite, "BicubicFallback", lambda runner, counter: runner)
