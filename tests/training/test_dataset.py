"""What a recipe makes of a folder of images."""

from __future__ import annotations

from napari_sr.training import read_recipe
from napari_sr.training._dataset import load_data


def test_reductions_add_smaller_copies_to_train_on_only(workspace):
    text = (workspace / "recipe.toml").read_text()
    held = load_data(read_recipe(workspace / "recipe.toml"))
    (workspace / "recipe.toml").write_text(
        text.replace("held_out = 2", "held_out = 2\nreductions = [0.5]")
    )
    more = load_data(read_recipe(workspace / "recipe.toml"))
    assert len(more[1].pairs()) == len(held[1].pairs())
    assert len(more[0].pairs()) == 2 * len(held[0].pairs())
    whole, half = more[0].pairs()[0].large, more[0].pairs()[len(held[0].pairs())].large
    expected = -(-whole.shape[-1] // 2)
    assert abs(half.shape[-1] - expected) <= 1
