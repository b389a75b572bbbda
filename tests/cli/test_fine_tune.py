"""``napari-sr fine-tune``: a file in, a model in the catalog or a word why not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage import data

from napari_sr.io import write_image
from napari_sr.models import list_models
from napari_sr.training import _fine_tuner
from tests.cli.conftest import one_line


@pytest.fixture
def bricks(tmp_path):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "left.tif", data.brick()[:, :256].astype(np.uint16) * 100)
    write_image(tmp_path / "in" / "right.png", data.brick()[:, 256:])
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch):
    monkeypatch.setattr(_fine_tuner, "_BATCH_SIZE", 4)
    monkeypatch.setattr(_fine_tuner, "_PATCH_SIDE", 24)


def test_a_fine_tuned_model_is_listed_and_can_be_used(run, bricks, tmp_path):
    """Of a folder with files of several kinds."""
    made = run("fine-tune", bricks, "-b", "ecbsr", "--minutes", 0.1, "--name", "bricks", "--json")
    assert made.exit_code == 0, made.stderr
    found = json.loads(made.stdout)
    assert found["gain"] > 0.05
    assert found["card"]["id"] == "bricks"
    assert "Fine-tuned" in run("models", "info", "bricks").stdout
    out = tmp_path / "out.png"
    assert run("upscale", bricks / "right.png", "-o", out, "-m", "bricks").exit_code == 0
    assert out.is_file()


def test_keeping_the_base_is_reported(run, bricks, monkeypatch):
    monkeypatch.setattr(_fine_tuner, "_LR_SMALL_NETWORK", 0.0)
    before = list_models()
    said = run("fine-tune", bricks / "left.tif", "--base", "esr-tm", "--minutes", 0.02)
    assert said.exit_code == 0
    assert said.stdout.startswith("esr-tm is kept, since nothing better was found")
    assert list_models() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "bicubic"], "no weights"),
        (["--minutes", "-1"], "positive"),
        (["--scale", "5"], "no native x5"),
        (["--name", "ecbsr"], "has a model ecbsr already"),
    ],
)
def test_bad_options_are_one_line(run, bricks, arguments, message):
    result = run("fine-tune", bricks, *arguments)
    assert message in one_line(result)
    assert result.exit_code != 0


def test_an_empty_folder_is_one_line(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no images" in one_line(run("fine-tune", tmp_path / "empty"))
