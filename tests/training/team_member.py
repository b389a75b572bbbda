"""What each process of test_team.py runs: a few steps of every recipe that it is given, then its weights in a file."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from napari_sr.training import read_recipe
from napari_sr.training._dataset import load_data
from napari_sr.training._team import gather
from napari_sr.training._trainer import Trainer

STEPS = 5


def run(path: Path) -> dict[str, object]:
    """Losses, weights and mean weights of this process after a few steps."""
    recipe = read_recipe(path)
    team, where = gather(recipe, "cpu")
    trainer = Trainer(recipe, *load_data(recipe), where, team)
    losses = [trainer.step() for _ in range(STEPS)]
    network, average = trainer.network.state_dict(), trainer.average.network.state_dict()
    answer = {"losses": losses, "network": network, "average": average}
    return {**answer, "generator": trainer.generator.get_state(), "rank": team.rank}


if __name__ == "__main__":
    for each in map(Path, sys.argv[1:]):
        result = run(each)
        torch.save(result, each.with_suffix(f".{result['rank']}.pt"))
