"""``napari-sr train``: from a recipe to weights that `upscale` can use."""

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

[optimisation]
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


def test_recipes_that_cannot_be_followed(run, recipe, tmp_path):
    assert "gone.toml" in one_line(run("train", tmp_path / "gone.toml"))
    recipe.write_text(RECIPE.replace("held_out", "heldout"))
    assert "heldout" in one_line(run("train", recipe, "-o", tmp_path / "run"))
    recipe.write_text(RECIPE)
    nowhere = one_line(run("train", recipe, "-o", tmp_path / "run", "--data", tmp_path / "nowhere"))
    assert "nowhere" in nowhere
    assert not any((tmp_path / "run").glob("*"))


def test_a_recipe_that_ships_is_found_by_its_name(run, tmp_path):
    """It gets as far as its data, which are not there."""
    call = ("-o", tmp_path / "run", "--data", tmp_path / "nowhere")
    assert "nowhere" in one_line(run("train", "ecbsr-x2", *call))
    assert "ecbsr-x2, " in one_line(run("train", "ecbsr-x9", *call))


def test_a_teacher_and_a_start_are_named_on_the_command_line(run, recipe, tmp_path):
    first = run("train", recipe, "-o", tmp_path / "first", "--teacher", "bicubic")
    assert first.exit_code == 0, first.stderr
    told = [f"teachers: {done}/2 images" for done in range(3)]
    assert first.stdout.splitlines()[:3] == told
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


def psnrs(result):
    return [float(line.split()[-2]) for line in result.stdout.splitlines() if line.endswith("dB")]
