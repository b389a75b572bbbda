"""Where a network explodes bicubic replaces its output, and nowhere else; the report counts the pixels."""

import numpy as np
import pytest
import torch

from napari_sr.inference import execute, plan, upscale

from .conftest import Exploding, Plain, collect, make_model


@pytest.fixture
def dark():
    return np.random.default_rng(0).uniform(0.2, 0.7, (40, 50))


def run(image, model, **options):
    """Image and report of an upscaled image."""
    made = plan(image, 2, model, intensity_range=(0, 1), **options)
    result, _ = collect(execute(made, image))
    return result.image, result.report


@pytest.mark.parametrize("offset", [1e4, -3.0, float("inf"), float("nan")])
def test_explosion_is_replaced_by_bicubic_and_nothing_else_changes(dark, offset, monkeypatch):
    monkeypatch.setattr(Exploding, "offset", 0.0)
    model = make_model({2: Exploding()})
    model.halo(2)
    dark[20, 30] = 1
    plain, report = run(dark, model)
    assert report.replaced_pixels == 0
    assert not report.messages
    monkeypatch.setattr(Exploding, "offset", offset)
    checked, report = run(dark, model)
    bicubic = upscale(dark, 2, "bicubic")
    np.testing.assert_allclose(checked[38:44, 58:64], bicubic[38:44, 58:64], atol=1e-5)
    far = np.ones(plain.shape, bool)
    far[32:50, 52:70] = False
    np.testing.assert_array_equal(checked[far], plain[far])
    assert report.replaced_pixels == 9
    assert any("9 pixels" in message for message in report.messages)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
        (1e4, "far outside the range"),
        (0.8, "not averaging down to the image"),
    ],
)
def test_reason_of_a_replacement_is_reported(dark, offset, reason, monkeypatch):
    model = make_model({2: Exploding()})
    model.halo(2)
    dark[20, 30] = 1
    monkeypatch.setattr(Exploding, "offset", offset)
    _, report = run(dark, model)
    assert {name: n for name, n in report.facts.replaced.items() if n} == {reason: 9}
    assert f"9 {reason}" in report.messages[0]
    assert report.record("image")["replaced"] == {"pixels": 9, "why": {reason: 9}}


@pytest.mark.parametrize("options", [{"ensemble": True}, {"uncertainty": True}])
def test_pixels_replaced_in_an_ensemble_count_once(dark, options):
    dark[20, 30] = 1
    _, report = run(dark, make_model({2: Exploding()}), **options)
    assert report.replaced_pixels == 9


def test_replaced_pixels_do_not_depend_on_tiles(dark):
    dark[[3, 20, 21, 39], [3, 30, 29, 49]] = 1
    model = make_model({2: Exploding()})
    whole, one = run(dark, model, tile=None)
    tiled, many = run(dark, model, tile=7)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert many.facts.replaced == one.facts.replaced
    assert one.replaced_pixels > 9


def test_waves_that_average_out_are_replaced(dark):
    class Waves(Plain):
        def forward(self, x):
            wave = torch.tensor([[50.0, -50.0], [-50.0, 50.0]]).repeat(x.shape[2], x.shape[3])
            return super().forward(x) * 0 + 0.5 + wave.to(x.device)

    checked, report = run(dark, make_model({2: Waves(2)}))
    np.testing.assert_allclose(checked, upscale(dark, 2, "bicubic"), atol=1e-5)
    assert report.replaced_pixels == dark.size


def test_sound_outputs_are_not_replaced(dark):
    _, report = run(dark, make_model({2: Plain(2, gain=0.2)}))
    assert report.replaced_pixels == 0
    assert not report.messages
