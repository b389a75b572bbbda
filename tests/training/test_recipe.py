"""Recipes: every setting is read or refused in one clear line; overrides are applied in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_sr.errors import RecipeError
from napari_sr.training import read_recipe
from tests.training.conftest import RECIPE, read_phase


def write(tmp_path, text):
    path = tmp_path / "r.toml"
    path.write_text(text)
    return path


def test_settings_are_read(tmp_path):
    recipe = read_recipe(write(tmp_path, RECIPE))
    (phase,) = recipe.phases
    assert recipe.name == "tiny-x2"
    assert recipe.iterations == phase.iterations == 20
    assert [phase.stage_at(i).patch for i in (0, 11, 12, 19)] == [12, 12, 16, 16]
    assert phase.data.train == tmp_path / "images"
    assert phase.schedule.lr == 1e-3


def test_integers_are_numbers(tmp_path):
    phase = read_phase(write(tmp_path, RECIPE.replace("lr = 1e-3", "lr = 1")))
    assert isinstance(phase.schedule.lr, float)


def test_data_replaces_the_folder_of_images(tmp_path):
    recipe = read_recipe(write(tmp_path, RECIPE), data=tmp_path / "other")
    assert recipe.phases[0].data.train == tmp_path / "other"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lr = 1e-3", "rate = 1e-3", "schedule: unknown key 'rate'; known are lr, "),
        ("[schedule]", "[shedule]", "unknown key 'shedule'; known are model, data"),
        ("batch = 2", "batch = 2\npatches = 3", "stage 2: unknown key 'patches'; known are iter"),
        ('train = "images"', "", "data.train is missing"),
        ("lr = 1e-3", 'lr = "fast"', 'schedule.lr must be a number, not "fast"'),
        ("lr = 1e-3", "lr = true", "schedule.lr must be a number, not true"),
        ("lr = 1e-3", "lr = 1979-05-27", "not JSON serializable"),
        ("patch = 16", 'patch = "16"', 'stage 2.patch must be a whole number, not "16"'),
        ("lr = 1e-3", "periods = [5, 5]", "periods of the schedule add up to 10"),
        ("lr = 1e-3", "restarts = [1, 1]", "schedule: restarts must have one entry"),
        ("iterations = 12", "iterations = 0", "stage 1.iterations must be positive, not 0"),
        ('precision = "float32"', "betas = 0.9", "optimization.betas must be a list"),
        ('precision = "float32"', "betas = [0.9]", "optimization.betas has too few or too many"),
        ('precision = "float32"', 'precision = "int8"', "must be one of 'auto', 'float32'"),
        ('precision = "float32"', "precondition_frequency = 0", "must be 1 or more, not 0"),
        ("scale = 2", "scale = 0", "model.scale must be positive"),
        ("held_out = 2", "downscale_augmentations = [1.5]", "must lie between 0 and 1"),
        ("lr = 1e-3", "lr = = 1", "not a readable TOML file"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(tmp_path, old, new, message):
    assert old in RECIPE
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("r.toml: ")


def test_a_recipe_without_stages_is_refused(tmp_path):
    text = RECIPE[: RECIPE.index("[[stage]]")]
    with pytest.raises(RecipeError, match=r"r\.toml: stage is missing"):
        read_recipe(write(tmp_path, text))
    with pytest.raises(RecipeError, match=r"r\.toml: stage has too few"):
        read_recipe(write(tmp_path, f"stage = []\n{text}"))


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")


SCALES = (
    RECIPE.replace("scale = 2\n", "")
    + """
[x2]
schedule.lr = 2e-3

[[x2.phase]]

[[x2.phase]]
name = "last"
model.config = { c = 8 }
stage = [{ iterations = 3 }]

[x4]
model.init = "tiny-x2/last"
data.train = "more"
"""
)


def test_scales_and_phases_override_single_keys(tmp_path):
    path = write(tmp_path, SCALES)
    first, last = read_recipe(path, 2).phases
    assert (first.name, last.name) == ("1", "last")
    assert first.model.config == {"m": 1, "c": 4}
    assert last.model.config == {"m": 1, "c": 8}
    assert [first.iterations, last.iterations] == [20, 3]
    assert first.schedule.lr == last.schedule.lr == 2e-3
    assert last.optimization == first.optimization
    (large,) = read_recipe(path, scale=4).phases
    assert large.schedule.lr == 1e-3
    assert large.model.init == ("tiny-x2/last",)
    assert large.data.train == tmp_path / "more"
    assert read_recipe(path, 4).requires == ("tiny-x2",)
    assert read_recipe(path, 2).requires == ()


@pytest.mark.parametrize(
    ("scale", "message"),
    [(None, "the scales are 2, 4; choose one"), (3, "the scales are 2, 4, not 3")],
)
def test_a_recipe_of_several_scales_needs_one_of_them(tmp_path, scale, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(write(tmp_path, SCALES), scale)


def test_init_outside_of_phases_is_the_start_of_the_first(tmp_path):
    text = SCALES + "[[x4.phase]]\n[[x4.phase]]\n"
    first, second = read_recipe(write(tmp_path, text), 4).phases
    assert (first.model.init, second.model.init) == (("tiny-x2/last",), ())


def test_the_recipe_of_the_documentation_can_be_read(tmp_path):
    docs = Path(__file__).resolve().parents[2] / "docs/models.md"
    _, _, text = docs.read_text(encoding="utf-8").partition("```toml\n")
    path = write(tmp_path, text.partition("```")[0])
    assert read_recipe(path, 2).name == "mine-x2"
    first, second = read_recipe(path, 4).phases
    assert (first.model.init, second.model.init) == (("mine-x2/1",), ())
    assert [first.iterations, second.iterations] == [20_000, 5_000]


def test_phases_need_different_names(tmp_path):
    text = SCALES.replace('name = "last"', 'name = "1"')
    with pytest.raises(RecipeError, match="two phases have the same name"):
        read_recipe(write(tmp_path, text), 2)


def test_data_can_name_a_folder_for_each_set_of_images(tmp_path):
    text = SCALES + '[[x4.phase]]\n[[x4.phase]]\ndata.train = "images"\n'
    path = write(tmp_path, text)
    given = {"more": tmp_path / "a", "images": tmp_path / "b"}
    recipe = read_recipe(path, 4, data=given)
    assert [phase.data.train.name for phase in recipe.phases] == ["a", "b"]
    recipe = read_recipe(path, 4, data={"more": tmp_path / "a"})
    assert [phase.data.train.name for phase in recipe.phases] == ["a", "images"]
    with pytest.raises(RecipeError, match="the recipe uses more, images, not mroe"):
        read_recipe(path, 4, data={"mroe": tmp_path})


def test_init_replaces_weights_of_other_runs_only(tmp_path):
    text = SCALES + '[[x4.phase]]\n[[x4.phase]]\nmodel.init = ["tiny-x4/1"]\n'
    recipe = read_recipe(write(tmp_path, text), 4, init=["a.safetensors", "b.safetensors"])
    first, second = (phase.model.init for phase in recipe.phases)
    assert [each.rpartition("/")[2] for each in first] == ["a.safetensors", "b.safetensors"]
    assert second == ("tiny-x4/1",)
