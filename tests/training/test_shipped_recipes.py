"""Every recipe that ships can be read, and names a network that can be built."""

from __future__ import annotations

from importlib.resources import files

import pytest

from napari_sr.architectures import registry
from napari_sr.training import read_recipe

RECIPES = sorted(p.name for p in files("napari_sr.training").joinpath("recipes").iterdir())


@pytest.mark.parametrize("name", RECIPES)
def test_reads_and_builds(name):
    recipe = read_recipe(str(files("napari_sr.training").joinpath("recipes", name)))
    network = registry.get(recipe.model.architecture).build(
        scale=recipe.model.scale, **recipe.model.config
    )
    assert network.scale == recipe.model.scale
    assert network.in_channels == (3 if recipe.model.color == "RGB" else 1)
    assert name.endswith(f"-x{recipe.model.scale}.toml")
