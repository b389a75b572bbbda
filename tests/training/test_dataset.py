"""What a recipe makes of a folder of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sr.training import read_recipe
from napari_sr.training._dataset import TrainingData, load_data
from napari_sr.training._recipe import Stage


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


def test_held_out_images_are_reduced_where_it_is_asked_for(workspace):
    text = (workspace / "recipe.toml").read_text()
    (workspace / "recipe.toml").write_text(
        text.replace("held_out = 2", "held_out = 2\nreductions = [0.5]\nreduce_held_out = true")
    )
    sides = [
        pair.large.shape[-1]
        for pair in load_data(read_recipe(workspace / "recipe.toml"))[1].pairs()
    ]
    assert len(sides) == 4
    assert [2 * side for side in sides[2:]] == pytest.approx(sides[:2], abs=2)


@pytest.mark.parametrize(("evenly", "share"), [(False, 1 / 170), (True, 1 / 2)])
def test_small_images_are_drawn_as_often_as_large_ones_where_it_is_asked_for(evenly, share):
    """Patches of 16 pixels have 9 places in an image of 18 pixels, and 1,521 in one of 54."""
    images = [np.full((side, side, 3), value, np.uint8) for side, value in ((36, 255), (108, 0))]
    data = TrainingData(images, 2, "RGB", evenly=evenly)
    batch = data.draw(Stage(1, patch=16, batch=2000), torch.Generator().manual_seed(0))
    assert abs(float(batch.small.mean()) - share) < 0.03


def test_candidates_let_plain_patches_be_seen_less():
    """Half of an image is flat: one draw in two shows nothing else, of four compared ones one in sixteen."""
    image = np.full((64, 640, 3), 128, np.uint8)
    image[:, 320:] = np.random.default_rng(0).integers(0, 255, (64, 320, 3))
    data, plain = TrainingData([image], 2, "RGB"), {}
    for candidates in (1, 4):
        stage = Stage(1, patch=16, batch=500, candidates=candidates)
        batch = data.draw(stage, torch.Generator().manual_seed(0))
        assert batch.small.shape == (500, 3, 16, 16)
        plain[candidates] = float((batch.small.std(dim=(1, 2, 3)) < 1e-3).float().mean())
    assert abs(plain[1] - 1 / 2) < 0.07
    assert abs(plain[4] - 1 / 16) < 0.04


def test_candidates_are_the_same_places_in_all_images():
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 255, (40, 48, 3), dtype=np.uint8) for _ in range(3)]
    data = TrainingData(images, 2, "RGB")
    data.taught = data.large
    batch = data.draw(Stage(1, patch=8, batch=20, candidates=3), torch.Generator().manual_seed(0))
    assert torch.equal(batch.taught, batch.large)
    means = torch.nn.functional.avg_pool2d(batch.large, 2)
    assert (
        float((means - batch.small).abs().mean())
        < 0.1
        < float(means.flip(0).sub(batch.small).abs().mean())
    )
