"""``napari-sr train``: a recipe becomes weights that ``upscale`` can use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sr.io import read_image, write_image
from tests.cli.conftest import colors, one_line

RECIPE = """
[model]
id = "tiny"
architecture = "esr-max"
scale = 2
config = { C = 1, K = 3 }

[data]
train = "images"
held_out = 1

[[stage]]
iterations = 6
patch = 8
batch = 2

[optimization]
validate_every = 3
precision = "float32"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        write_image(tmp_path / "images" / f"{seed}.png", colors((48, 48, 3), seed))
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path / "tiny.toml"


def test_training_ends_in_weights_that_upscale(run, recipe, tmp_path):
    result = run("train", recipe, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["3/6", "6/6"]
    weights = Path(lines[-1].removeprefix("best weights: "))
    call = ("upscale", tmp_path / "images" / "0.png", "-o", tmp_path / "0.png", "-m", weights)
    assert run(*call).exit_code == 0
    assert np.asarray(read_image(tmp_path / "0.png").data).shape == (96, 96, 3)


def test_a_run_is_not_overwritten_but_resumed(run, recipe, tmp_path):
    assert run("train", recipe, "-o", tmp_path / "run").exit_code == 0
    assert "--resume" in one_line(run("train", recipe, "-o", tmp_path / "run"))
    assert run("train", recipe, "-o", tmp_path / "run", "--resume").exit_code == 0


def test_wrong_recipes_are_one_line(run, recipe, tmp_path):
    assert "gone.toml" in one_line(run("train", tmp_path / "gone.toml"))
    recipe.write_text(RECIPE.replace("held_out", "heldout"))
    assert "heldout" in one_line(run("train", recipe, "-o", tmp_path / "run"))
    recipe.write_text(RECIPE)
    nowhere = one_line(run("train", recipe, "-o", tmp_path / "run", "--data", tmp_path / "nowhere"))
    assert "nowhere" in nowhere
    assert not any((tmp_path / "run").glob("*"))


def test_a_recipe_of_the_package_is_found_by_its_name(run, tmp_path):
    """It is read, and then its images are missing."""
    call = ("-o", tmp_path / "run", "--data", tmp_path / "nowhere")
    assert "nowhere" in one_line(run("train", "ecbsr-x2", *call))
    assert "nowhere" in one_line(run("train", "ecbsr", "--scale", 2, *call))
    assert "the scales are 2, 3, 4, not 9" in one_line(run("train", "ecbsr-x9", *call))
    assert "the recipes are bsrn, ecbsr, " in one_line(run("train", "ecbrs-x2", *call))


def test_teachers_and_initial_weights_are_options(run, recipe, tmp_path):
    first = run("train", recipe, "-o", tmp_path / "first", "--teacher", "bicubic")
    assert first.exit_code == 0, first.stderr
    lines = [f"teachers: {done}/2 images" for done in range(3)]
    assert first.stdout.splitlines()[:3] == lines
    weights = first.stdout.splitlines()[-1].removeprefix("best weights: ")
    second = run("train", recipe, "-o", tmp_path / "second", "--init", weights)
    assert second.exit_code == 0, second.stderr
    assert psnrs(second)[0] > psnrs(first)[0]
    twice = run("train", recipe, "-o", tmp_path / "twice", "--init", weights, "--init", weights)
    assert psnrs(twice) == psnrs(second), "the mean of equal weights"
    lost = ("train", recipe, "-o", tmp_path / "third")
    assert "no-such" in one_line(run(*lost, "--teacher", "bicubic", "--teacher", "no-such"))
    for start in (
        ("--init", "gone.safetensors"),
        ("--init", weights, "--init", "gone.safetensors"),
    ):
        assert "gone.safetensors" in one_line(run(*lost, *start))


def test_phases_are_trained_one_after_the_other(run, recipe, tmp_path):
    stage = "stage = [{ iterations = 3, patch = 8, batch = 2 }]\n"
    more = f'[[phase]]\n[[phase]]\ndata.train = "other"\n{stage}'
    recipe.write_text(RECIPE + more)
    call = ("train", recipe, "-o", tmp_path / "run", "--data", f"images={tmp_path / 'images'}")
    assert "data.train: " in one_line(run(*call)), "the second folder is missing"
    result = run(*call, "--data", f"other={tmp_path / 'images'}", "--resume")
    assert result.exit_code == 0, result.stderr
    assert [" ".join(line.split()[:3]) for line in result.stdout.splitlines()[:-1]] == [
        "9/9 phase 2"
    ]
    assert (tmp_path / "run/tiny-x2-best.safetensors").is_file()
    assert "NAME=FOLDER" in run(*call, "--data", "nowhere").stderr


def psnrs(result):
    return [float(line.split()[-2]) for line in result.stdout.splitlines() if line.endswith("dB")]
