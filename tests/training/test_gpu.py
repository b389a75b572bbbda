"""The same training on a GPU; skipped where there is none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_sr.training._dataset import TrainingData
from napari_sr.training._recipe import (
    DataRecipe,
    DistillationRecipe,
    ModelRecipe,
    OptimisationRecipe,
    Recipe,
    ScheduleRecipe,
    Stage,
)
from napari_sr.training._trainer import Trainer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

STAGE = Stage(4, patch=16, batch=6, candidates=3)


def photographs(color="RGB"):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (48, 64 + 2 * i, 3), dtype=np.uint8) for i in range(3)]
    data = TrainingData(images, 2, color)
    data.taught = data.large.with_pixels(255 - data.large.pixels)
    return data


@pytest.mark.parametrize("color", ["RGB", "Y"])
def test_batches_are_the_same_wherever_the_pixels_are(color):
    here, there = photographs(color), photographs(color)
    there.to(torch.device("cuda"))
    assert there.large.pixels.is_cuda
    batches = [data.draw(STAGE, torch.Generator().manual_seed(5)) for data in (here, there)]
    for field in dataclasses.fields(batches[0]):
        ours, theirs = (getattr(batch, field.name).cpu() for batch in batches)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimiser", ["adam", "soap"])
def test_a_few_steps_come_to_the_same_losses(optimiser):
    recipe = Recipe(
        ModelRecipe("tiny", "ecbsr", 2, {"m": 1, "c": 4}, "Y"),
        DataRecipe("images"),
        (STAGE,),
        ScheduleRecipe(lr=1e-3),
        OptimisationRecipe(optimiser=optimiser, precision="float32"),
        distillation=DistillationRecipe(("teacher",)),
    )
    losses = []
    for name in ("cpu", "cuda"):
        data, device = photographs("Y"), torch.device(name)
        data.to(device)
        trainer = Trainer(recipe, data, photographs("Y"), device)
        losses.append([trainer.step() for _ in range(recipe.iterations)])
        assert trainer.validate(losses[-1][-1]).psnr > 0
    np.testing.assert_allclose(*losses, rtol=1e-3)
