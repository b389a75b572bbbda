"""A recipe says exactly what it means, or is refused in one line."""

from __future__ import annotations

import pytest

from napari_sr.errors import RecipeError
from napari_sr.training import read_recipe
from tests.training.conftest import RECIPE


def write(tmp_path, text):
    path = tmp_path / "r.toml"
    path.write_text(text)
    return path


def test_reads_what_stands_there(tmp_path):
    recipe = read_recipe(write(tmp_path, RECIPE))
    assert recipe.name == "tiny-x2"
    assert recipe.iterations == 20
    assert [recipe.stage_at(i).patch for i in (0, 11, 12, 19)] == [12, 12, 16, 16]
    assert recipe.resolve("images") == tmp_path / "images"
    assert recipe.schedule.lr == 1e-3


def test_integers_serve_as_numbers(tmp_path):
    recipe = read_recipe(write(tmp_path, RECIPE.replace("lr = 1e-3", "lr = 1")))
    assert isinstance(recipe.schedule.lr, float)


def test_the_folder_of_images_can_be_named_from_outside(tmp_path):
    recipe = read_recipe(write(tmp_path, RECIPE), data_train=str(tmp_path / "other"))
    assert recipe.resolve(recipe.data.train) == tmp_path / "other"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lr = 1e-3", "rate = 1e-3", "unknown key 'rate'"),
        ('train = "images"', "", "'train' is missing"),
        ("lr = 1e-3", 'lr = "fast"', "type float"),
        ("lr = 1e-3", "lr = true", "type float"),
        ("lr = 1e-3", "periods = [5, 5]", "add up to 10"),
        ("lr = 1e-3", "restarts = [1, 1]", "restarts"),
        ("iterations = 12", "iterations = 0", "positive"),
        ('precision = "float32"', "betas = 0.9", "list"),
        ('precision = "float32"', 'precision = "int8"', "must be one of"),
        ('precision = "float32"', "precondition_frequency = 0", "1 or more"),
        ("scale = 2", "scale = 0", "scale"),
        ("scale = 2", 'scale = 2\nmean_with = ["more.safetensors"]', "needs model.init"),
        ("lr = 1e-3", "lr = = 1", "TOML"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(tmp_path, old, new, message):
    with pytest.raises(RecipeError, match=message) as caught:
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")
