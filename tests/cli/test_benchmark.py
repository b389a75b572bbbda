"""``napari-sr benchmark``: seconds for a megapixel."""

from __future__ import annotations

import json

import pytest


def test_each_model_is_measured(run):
    call = ("benchmark", "-m", "bicubic", "--size", "48", "--repeats", "1", "--device", "cpu")
    found = json.loads(run(*call, "--gray", "--json").stdout)
    assert [each["model"] for each in found] == ["bicubic"]
    assert found[0]["shape"] == [48, 48]
    seconds = found[0]["seconds"] / (48 * 48 / 1e6)
    assert found[0]["seconds_per_megapixel"] == pytest.approx(seconds)
    assert json.loads(run(*call, "--grey", "--json").stdout)[0]["shape"] == [48, 48]
    shown = run(*call).stdout
    assert "x2, 48 x 48 pixels, RGB" in shown
    assert "bicubic" in shown


def test_a_size_of_zero_is_wrong_use(run):
    assert run("benchmark", "--size", "0").exit_code == 2
