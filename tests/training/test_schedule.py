"""The learning rate, compared with that of PyTorch."""

from __future__ import annotations

import pytest
import torch

from napari_sr.training import ScheduleRecipe
from napari_sr.training._optimizer import learning_rate


def test_one_cosine_equals_pytorch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.01)
    ours = ScheduleRecipe(lr=0.1, lr_min=0.01)
    for i in range(50):
        assert learning_rate(ours, 50, i) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_each_cosine_starts_at_its_restart_weight():
    recipe = ScheduleRecipe(lr=1.0, lr_min=0.0, periods=(10, 20), restarts=(1.0, 0.5))
    assert learning_rate(recipe, 30, 0) == 1.0
    assert learning_rate(recipe, 30, 9) < 0.03
    assert learning_rate(recipe, 30, 10) == 0.5
    assert learning_rate(recipe, 30, 20) == pytest.approx(0.25)


def test_warm_up_is_linear():
    recipe = ScheduleRecipe(lr=1.0, warmup=4)
    assert [learning_rate(recipe, 100, i) for i in range(4)] == [0.25, 0.5, 0.75, 1.0]
