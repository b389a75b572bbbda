"""Where a network explodes bicubic stands in, and nowhere else."""

import logging

import numpy as np
import pytest
import torch

from napari_sr.inference import upscale

from .conftest import Plain, make_model


class Sick(Plain):
    """Explodes around the brightest pixels, as attention does; elsewhere nearest neighbour."""

    blow = 1e4

    def __init__(self):
        super().__init__(2, gain=0.0)

    def forward(self, x):
        y = super().forward(x)
        hot = torch.nn.functional.conv2d((x > 0.95).float(), torch.ones(1, 1, 3, 3), padding=1)
        near = hot.repeat_interleave(2, 2).repeat_interleave(2, 3) > 0
        return torch.where(near, y + self.blow, y)


@pytest.fixture
def dark():
    return np.random.default_rng(0).uniform(0.2, 0.7, (40, 50))


@pytest.mark.parametrize("blow", [1e4, -3.0, float("inf"), float("nan")])
def test_an_explosion_is_replaced_by_bicubic_and_nothing_else_is_touched(
    dark, blow, monkeypatch, caplog
):
    monkeypatch.setattr(Sick, "blow", 0.0)
    model = make_model({2: Sick()})
    model.halo(2)
    dark[20, 30] = 1
    plain = upscale(dark, 2, model, intensity_range=(0, 1))
    monkeypatch.setattr(Sick, "blow", blow)
    with caplog.at_level(logging.WARNING, "napari_sr"):
        guarded = upscale(dark, 2, model, intensity_range=(0, 1))
    bicubic = upscale(dark, 2, "bicubic")
    np.testing.assert_allclose(guarded[38:44, 58:64], bicubic[38:44, 58:64], atol=1e-5)
    far = np.ones(plain.shape, bool)
    far[32:50, 52:70] = False
    np.testing.assert_array_equal(guarded[far], plain[far])
    assert any("9 pixels" in record.message for record in caplog.records)


def test_what_is_replaced_does_not_depend_on_tiles(dark):
    dark[[3, 20, 21, 39], [3, 30, 29, 49]] = 1
    model = make_model({2: Sick()})
    whole = upscale(dark, 2, model, intensity_range=(0, 1), tile=None)
    cut = upscale(dark, 2, model, intensity_range=(0, 1), tile=7)
    np.testing.assert_allclose(cut, whole, atol=1e-5)


def test_waves_that_average_out_are_caught_too(dark):
    class Waves(Plain):
        def forward(self, x):
            wave = torch.tensor([[50.0, -50.0], [-50.0, 50.0]]).repeat(x.shape[2], x.shape[3])
            return super().forward(x) * 0 + 0.5 + wave

    guarded = upscale(dark, 2, make_model({2: Waves(2)}), intensity_range=(0, 1))
    np.testing.assert_allclose(guarded, upscale(dark, 2, "bicubic"), atol=1e-5)


def test_healthy_answers_are_left_alone(dark, caplog):
    with caplog.at_level(logging.WARNING, "napari_sr"):
        upscale(dark, 2, make_model({2: Plain(2, gain=0.2)}))
    assert not caplog.records
