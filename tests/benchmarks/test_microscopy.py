"""The scale of the microscopy table: does it tell a good model from a bad one?"""

from __future__ import annotations

import microscopy_trust
import numpy as np
import pytest
from microscopy_images import Sample, middle, nearest
from microscopy_report import LIMIT, bars, table, tuned_table

from napari_sr import load_model
from napari_sr.imaging import imresize
from napari_sr.training import FineTuned

PLAIN = {"a": 30.0, "b": 40.0}


def enlarged(image, scale, model, axes):
    """Twice as many pixels by bicubic, then whatever the test makes of it, as the type of the image."""
    larger = model(imresize(image, scale))
    return np.rint(larger.clip(0, 65535)).astype(image.dtype) if image.dtype.kind == "u" else larger


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch):
    monkeypatch.setattr(microscopy_trust, "upscale", enlarged)


@pytest.fixture
def image():
    return np.random.default_rng(5).integers(0, 4000, (96, 96), dtype=np.uint16) * 4


def test_bicubic_is_linear_and_a_square_is_not(image):
    assert microscopy_trust.nonlinearity(image, lambda x: x, 2) < 1e-3
    assert microscopy_trust.nonlinearity(image, lambda x: x**2 / 16000, 2) > 0.1


def test_a_constant_that_does_not_scale_is_not_linear(image):
    assert microscopy_trust.nonlinearity(image, lambda x: x + 1000, 2) > 0.02


def test_a_hot_pixel_reaches_far_only_where_the_whole_image_counts(image):
    assert microscopy_trust.reach_of_a_hot_pixel(image, lambda x: x, 2) == 0
    assert microscopy_trust.reach_of_a_hot_pixel(image, lambda x: x + x.mean() / 100, 2) > 1e-5


def test_a_hot_pixel_may_change_32_pixels_about_it_and_no_more(image):
    def smear(pixels):
        return lambda x: x + sum(np.roll(x, s * pixels * 2, a) for s in (-1, 1) for a in (0, 1))

    # bicubic reaches two pixels further
    assert microscopy_trust.reach_of_a_hot_pixel(image, smear(30), 2) == 0
    assert microscopy_trust.reach_of_a_hot_pixel(image, smear(35), 2) > 1


def test_bars_are_met_by_what_gains_enough_on_every_image():
    said = bars({"bicubic": PLAIN, "ours": {"a": 32.1, "b": 42.0}}, 2, "ours", "mspn")
    assert said.count(": met") == 2
    assert "not met" not in said


def test_an_image_below_bicubic_is_named_however_much_is_gained():
    said = bars({"bicubic": PLAIN, "ours": {"a": 29.9, "b": 50.0}}, 2, "ours", "mspn")
    assert "below bicubic on: a: not met" in said


def test_photographs_must_be_beaten_by_a_margin():
    columns = {"bicubic": PLAIN, "mspn": {"a": 33.0, "b": 43.0}, "ours": {"a": 33.2, "b": 43.2}}
    assert "+0.20 dB over `mspn`, 0.3 asked: not met" in bars(columns, 2, "ours", "mspn")


def test_limits_are_there_for_some_images_and_have_no_mean():
    rows = table({"bicubic": PLAIN, LIMIT: {"a": 31.0}}, []).splitlines()
    assert rows[0] == "| image | `bicubic` | limit of noise |"
    assert rows[2:] == [
        "| a | 30.00 | 31.00 (+1.00) |",
        "| b | 40.00 | – |",
        "| **mean** | 35.00 | – |",
    ]


def test_a_column_of_few_images_is_compared_on_these():
    rows = table({"bicubic": PLAIN, "tuned": {"b": 41.0}}, []).splitlines()
    assert rows[2] == "| a | 30.00 | – |"
    assert rows[4] == "| **mean** | 35.00 | 41.00 (+1.00) |"
    assert "mean of `tuned` is over 1 of the 2 images" in rows[-1]


def fine_tuned(gain: float, kept: bool) -> FineTuned:
    card = None if kept else load_model("espcn").card
    return FineTuned("base", card, 30.0, 33.0, 33.0 + gain, 0.1, 4, 100, 120.0)


def test_fine_tuning_is_judged_by_the_image_that_gains_most():
    rows = {"a": fine_tuned(0.1, kept=False), "b": fine_tuned(0.31, kept=False)}
    said = tuned_table(rows, 2)
    assert "| b | 4 | 30.00 | 33.00 | 33.31 | +0.31 | +0.10 |  |" in said
    assert "+0.31 dB, 0.3 asked: met" in said
    assert "+0.10 dB, 0.3 asked: not met" in tuned_table({"a": rows["a"]}, 2)


def test_a_gain_that_is_not_kept_is_none():
    said = tuned_table({"a": fine_tuned(0.5, kept=True)}, 2)
    assert "base kept" in said
    assert "+0.00 dB, 0.3 asked: not met" in said


def test_a_training_tile_is_found_again_in_an_image_whatever_its_contrast(tmp_path):
    import cv2

    pixels = np.random.default_rng(7).integers(0, 60, (90, 80), dtype=np.uint8)
    tile = pixels[20:70, 10:60] * 3 + 7
    cv2.imwrite(str(tmp_path / "tile.png"), tile)
    sample = Sample("x", pixels, "", "", "", "")
    assert nearest(sample, tmp_path)[0] == pytest.approx(1, abs=1e-4)
    other = Sample("y", pixels[::-1, ::-1].copy(), "", "", "", "")
    assert nearest(other, tmp_path)[0] < 0.7


def test_what_is_small_is_not_cut():
    assert middle(np.zeros((210, 600)), 512).shape == (210, 512)


def test_where_noise_leaves_less_than_is_asked_the_bars_say_how_much_is_gained_there():
    plain = dict.fromkeys("abcd", 30.0)
    ours = {"a": 30.4, "b": 30.8, "c": 33.0, "d": 34.0}
    limit = {"a": 30.5, "b": 31.5, "c": 32.0}  # c: just what is asked
    said = bars({"bicubic": plain, "ours": ours, LIMIT: limit}, 2, "ours", "mspn")
    assert "less than 2.0 dB on 2 of the 4 images: +1.00 dB on average, of which +0.60 are" in said
    assert "2.0 over all would take that and +3.00 on average on the other 2" in said


def test_where_noise_bounds_every_image_there_are_no_others():
    said = bars({"bicubic": PLAIN, "ours": PLAIN, LIMIT: {"a": 31.0, "b": 39.0}}, 2, "ours", "mspn")
    assert said.endswith("on 2 of the 2 images: +0.50 dB on average, of which +0.00 are gained")


def test_where_noise_bounds_nothing_nothing_is_said_of_it():
    said = bars({"bicubic": PLAIN, "ours": PLAIN, LIMIT: {"a": 33.0}}, 2, "ours", "mspn")
    assert "noise" not in said
