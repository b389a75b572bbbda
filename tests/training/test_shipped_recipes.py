"""The recipes of the package: one per bundled model, each readable, and each network can be built."""

from __future__ import annotations

import pytest

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.models import is_bundled, list_models
from napari_sr.training import read_recipe, shipped_recipes

BUNDLED = sorted(
    each.file.removesuffix(".safetensors")
    for card in list_models()
    if is_bundled(card)
    for each in card.checkpoints
    if each.file
)


def test_each_bundled_model_has_a_recipe_and_no_other():
    assert shipped_recipes() == sorted(shipped_recipes())
    assert shipped_recipes() == BUNDLED


@pytest.mark.parametrize("name", BUNDLED)
def test_recipe_names_networks_that_can_be_built(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    for phase in recipe.phases:
        scale = phase.model.scale
        network = registry.get(phase.model.architecture).build(scale=scale, **phase.model.config)
        assert network.scale == scale
        assert network.in_channels == (3 if phase.model.color == "RGB" else 1)


@pytest.mark.parametrize("name", BUNDLED)
def test_weights_that_a_recipe_starts_from_are_made_by_a_phase(name):
    recipe = read_recipe(name)
    before = [name]
    for phase in recipe.phases:
        for each in (*phase.model.init, *phase.distillation.teachers):
            if "/" in each:
                other, _, number = each.partition("/")
                assert number in [each.name for each in read_recipe(other).phases]
    for other in recipe.requires:
        assert other not in before
        before.append(other)


def test_name_and_scale_choose_a_recipe():
    assert read_recipe("ecbsr", 2) == read_recipe("ecbsr-x2") == read_recipe("ecbsr-x2", 2)
    assert read_recipe("ecbsr-m4c16", 4).name == "ecbsr-m4c16-x4"


@pytest.mark.parametrize(
    ("name", "scale", "message"),
    [
        ("ecbsr", None, r"the scales are 2, 3, 4; choose one with scale \(--scale\)"),
        ("ecbsr-x9", None, "the scales are 2, 3, 4, not 9"),
        ("ecbsr-x2", 3, "ecbsr-x2 is a recipe for scale 2, not 3"),
        ("ecbrs-x2", None, "no recipe ecbrs-x2; the recipes are bsrn, ecbsr, "),
    ],
)
def test_unknown_names_and_scales_are_refused(name, scale, message):
    with pytest.raises(RecipeError, match=message):
        read_recipe(name, scale)


def test_images_of_a_shipped_recipe_are_looked_for_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_recipe("espcn-x2").phases[0].data.train == tmp_path / "train_photos"
