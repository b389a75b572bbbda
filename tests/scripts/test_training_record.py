"""TRAINING.md must say of each of the weights that ship how they came about."""

from __future__ import annotations

from pathlib import Path

import pytest
from _training_record import chain, command, commands, joined, read_recipes, runs_of

from napari_sr.models import is_bundled, list_models
from napari_sr.training._run import Entry

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = sorted(
    each.file.removesuffix(".safetensors")
    for card in list_models()
    if is_bundled(card)
    for each in card.checkpoints
    if each.file
)


def recipe(init=None, data="train_photos", teachers=()):
    model = {} if init is None else {"init": f"{init}-best.safetensors"}
    return {"model": model, "data": {"train": data}, "distillation": {"teachers": teachers}}


RECIPES = {
    "net-x2": recipe(),
    "net-second-x2": recipe("net-x2"),
    "net-x4": recipe("net-x2", teachers=["../checkpoints/big/big.pth"]),
    "net-third-x4": recipe("net-x4"),
    "net-second-x4": recipe("net-x4", teachers=["big-official"]),
    "net-cells-x4": recipe("net-x4", data="train_microscopy"),
    "net-founding-x4": recipe(),
}


def test_a_chain_begins_where_nothing_came_before():
    assert chain("net-x2", RECIPES) == ["net-x2", "net-second-x2"]
    assert chain("net-cells-x4", RECIPES) == [
        *("net-x2", "net-second-x2"),
        *("net-x4", "net-second-x4", "net-third-x4"),
        "net-cells-x4",
    ]


def test_every_run_starts_from_the_best_of_the_run_before_it():
    assert "--init" not in command("net-x2", RECIPES)
    assert "--init runs/net-x2/net-x2-best" in command("net-second-x2", RECIPES)
    assert "--init runs/net-second-x2/net-x2-best" in command("net-x4", RECIPES)
    assert "--init runs/net-second-x4/net-x4-best" in command("net-third-x4", RECIPES)
    assert "--init runs/net-third-x4/net-x4-best" in command("net-cells-x4", RECIPES)


def test_a_mean_names_all_that_it_is_made_of():
    mean = recipe("net-x2")
    mean["model"]["mean_with"] = ["net-x2/net-x2-best.safetensors"]
    starts = [
        part
        for part in command("net-third-x2", {**RECIPES, "net-third-x2": mean}).split()
        if "-best" in part
    ]
    assert starts == [f"runs/{run}/net-x2-best.safetensors" for run in ("net-second-x2", "net-x2")]


def test_data_and_teachers_are_part_of_the_command():
    assert "--data MICROSCOPY" in command("net-cells-x4", RECIPES)
    assert "--teacher CHECKPOINTS/big.pth" in command("net-x4", RECIPES)
    assert "--teacher" not in command("net-second-x4", RECIPES)


def test_a_teacher_that_was_trained_for_it_comes_before():
    taught = recipe("net-x2", teachers=["net-large-x2/net-x2-best.safetensors"])
    recipes = {**RECIPES, "net-small-x2": taught, "net-large-x2": recipe("net-x4")}
    assert chain("net-small-x2", recipes) == [
        *("net-x2", "net-second-x2"),
        *("net-x4", "net-second-x4", "net-third-x4"),
        *("net-large-x2", "net-small-x2"),
    ]
    given = command("net-small-x2", recipes)
    assert "--teacher runs/net-large-x2/net-x2-best.safetensors" in given


def test_a_command_that_two_weights_need_is_written_once_and_before_both():
    text = commands(["net-x4", "net-x2"], RECIPES)
    assert text.count("train net-x2 ") == 1
    assert text.index("train net-x2 ") < text.index("train net-x4 ")


def test_joined_logs_count_on():
    log = [Entry(10, 5.0, 1e-3, 0.1, 30.0), Entry(20, 9.0, 1e-4, 0.1, 31.0)]
    assert [(each.iteration, each.seconds) for each in joined([log, log[:1]])] == [
        *((10, 5.0), (20, 9.0)),
        (30, 14.0),
    ]


@pytest.mark.parametrize("name", BUNDLED)
def test_what_ships_has_log_small_curve_and_chain(name):
    curve = ROOT / "docs/training" / f"{name}.svg"
    assert curve.stat().st_size < 60_000
    assert curve.with_suffix(".csv").is_file()
    recipes = read_recipes()
    assert set(chain(name, recipes)) >= {name, *runs_of(name, recipes)}
    assert f"| {name} | {' → '.join(chain(name, recipes))} |" in (
        ROOT / "src/napari_sr/weights/TRAINING.md"
    ).read_text(encoding="utf-8")
