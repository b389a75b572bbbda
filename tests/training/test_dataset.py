"""Training data: downscaled copies, sampling of images, and choice of detailed patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_sr.training import Stage, TrainingData
from napari_sr.training._dataset import load_data
from tests.training.conftest import read_phase


def test_downscaled_copies_are_added_to_training_images_only(workspace):
    text = (workspace / "recipe.toml").read_text()
    held = load_data(read_phase(workspace / "recipe.toml"))
    (workspace / "recipe.toml").write_text(
        text.replace("held_out = 2", "held_out = 2\ndownscale_augmentations = [0.5]")
    )
    more = load_data(read_phase(workspace / "recipe.toml"))
    assert len(more[1].pairs()) == len(held[1].pairs())
    assert len(more[0].pairs()) == 2 * len(held[0].pairs())
    whole, half = more[0].pairs()[0].large, more[0].pairs()[len(held[0].pairs())].large
    expected = -(-whole.shape[-1] // 2)
    assert abs(half.shape[-1] - expected) <= 1


def test_held_out_images_are_downscaled_if_the_recipe_says_so(workspace):
    text = (workspace / "recipe.toml").read_text()
    (workspace / "recipe.toml").write_text(
        text.replace(
            "held_out = 2", "held_out = 2\ndownscale_augmentations = [0.5]\naugment_held_out = true"
        )
    )
    sides = [
        pair.large.shape[-1] for pair in load_data(read_phase(workspace / "recipe.toml"))[1].pairs()
    ]
    assert len(sides) == 4
    assert [2 * side for side in sides[2:]] == pytest.approx(sides[:2], abs=2)


@pytest.mark.parametrize(("balanced", "share"), [(False, 1 / 170), (True, 1 / 2)])
def test_balanced_sampling_draws_each_image_equally_often(balanced, share):
    """Patches of 16 pixels have 9 places in an image of 18 pixels, and 1,521 in one of 54."""
    images = [np.full((side, side, 3), value, np.uint8) for side, value in ((36, 255), (108, 0))]
    data = TrainingData(images, 2, "RGB", balanced=balanced)
    batch = data.draw(Stage(1, patch=16, batch=2000), torch.Generator().manual_seed(0))
    assert abs(float(batch.small.mean()) - share) < 0.03


def test_detail_candidates_make_flat_patches_rarer():
    """Half of an image is flat: one draw in two is flat, but only one in sixteen if the best of four is taken."""
    image = np.full((64, 640, 3), 128, np.uint8)
    image[:, 320:] = np.random.default_rng(0).integers(0, 255, (64, 320, 3))
    data, plain = TrainingData([image], 2, "RGB"), {}
    for candidates in (1, 4):
        stage = Stage(1, patch=16, batch=500, detail_candidates=candidates)
        batch = data.draw(stage, torch.Generator().manual_seed(0))
        assert batch.small.shape == (500, 3, 16, 16)
        plain[candidates] = float((batch.small.std(dim=(1, 2, 3)) < 1e-3).float().mean())
    assert abs(plain[1] - 1 / 2) < 0.07
    assert abs(plain[4] - 1 / 16) < 0.04


def test_detail_candidates_are_the_same_places_in_small_large_and_teacher_images():
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 255, (40, 48, 3), dtype=np.uint8) for _ in range(3)]
    data = TrainingData(images, 2, "RGB")
    data.teacher = data.large
    batch = data.draw(
        Stage(1, patch=8, batch=20, detail_candidates=3), torch.Generator().manual_seed(0)
    )
    assert torch.equal(batch.teacher, batch.large)
    means = torch.nn.functional.avg_pool2d(batch.large, 2)
    assert (
        float((means - batch.small).abs().mean())
        < 0.1
        < float(means.flip(0).sub(batch.small).abs().mean())
    )
