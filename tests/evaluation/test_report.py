"""Means, JSON and table of an evaluation contain the same numbers."""

from __future__ import annotations

import json
import math

import pytest

from napari_sr.evaluation import Evaluation, Score

ROWS = (Score("baby", 36.5, 0.95), Score("bird", 34.0, 0.91, replaced_pixels=7))


def report(rows: tuple[Score, ...] = ROWS) -> Evaluation:
    return Evaluation("ecbsr", 2, "Set5", rows, seconds=1.5)


def test_means_are_over_the_images():
    """Mean of the decibels, not decibels of the mean error, as in papers."""
    assert report().psnr == pytest.approx(35.25)
    assert report().ssim == pytest.approx(0.93)


def test_json_contains_everything():
    found = json.loads(report().to_json())
    images = tuple(Score(**image) for image in found["images"])
    assert (
        Evaluation(found["model"], found["scale"], found["dataset"], images, found["seconds"])
        == report()
    )
    assert found["psnr"] == pytest.approx(35.25)


def test_infinite_psnr_is_null_in_json():
    """JSON has no infinity."""
    found = json.loads(report((Score("same", math.inf, 1.0), *ROWS)).to_json())
    assert found["images"][0]["psnr"] is None
    assert found["psnr"] is None


def test_table_has_a_line_for_each_image_and_their_means():
    lines = report().table().splitlines()
    assert lines[0] == "ecbsr, x2, Set5"
    assert lines[1].split() == ["baby", "36.500", "dB", "0.9500"]
    assert lines[-1].split() == ["mean", "35.250", "dB", "0.9300"]
