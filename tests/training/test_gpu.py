"""Training on a GPU equals training on the processor; skipped without a GPU."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sr.training import (
    DataRecipe,
    ModelRecipe,
    OptimizationRecipe,
    Phase,
    ScheduleRecipe,
    Stage,
    Trainer,
    TrainingData,
)
from napari_sr.training._recipe import DistillationRecipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

STAGE = Stage(4, patch=16, batch=6, detail_candidates=3)


def photographs(color="RGB"):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (48, 64 + 2 * i, 3), dtype=np.uint8) for i in range(3)]
    data = TrainingData(images, 2, color)
    data.teacher = data.large.with_pixels(255 - data.large.pixels)
    return data


@pytest.mark.parametrize("color", ["RGB", "Y"])
def test_batches_do_not_depend_on_the_device_of_the_pixels(color):
    on_cpu, on_gpu = photographs(color), photographs(color)
    on_gpu.to(torch.device("cuda"))
    assert on_gpu.large.pixels.is_cuda
    batches = [data.draw(STAGE, torch.Generator().manual_seed(5)) for data in (on_cpu, on_gpu)]
    for field in dataclasses.fields(batches[0]):
        ours, theirs = (getattr(batch, field.name).cpu() for batch in batches)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_losses_are_the_same_on_both_devices(optimizer):
    phase = Phase(
        ModelRecipe("tiny", "ecbsr", 2, {"m": 1, "c": 4}, "Y"),
        DataRecipe(Path("images")),
        (STAGE,),
        ScheduleRecipe(lr=1e-3),
        OptimizationRecipe(optimizer=optimizer, precision="float32"),
        distillation=DistillationRecipe(("teacher",)),
    )
    losses = []
    for name in ("cpu", "cuda"):
        data, device = photographs("Y"), torch.device(name)
        data.to(device)
        trainer = Trainer(phase, data, photographs("Y"), device)
        losses.append([trainer.step() for _ in range(phase.iterations)])
        assert trainer.validate(losses[-1][-1]).psnr > 0
    np.testing.assert_allclose(*losses, rtol=1e-3)
