"""The loop: draw a batch, step, average the weights, validate now and then, keep the best.

`training_steps` is a generator: closing it stops the run between two steps, and what was saved stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import RecipeError
from napari_sr.training._dataset import TrainingData, load_data
from napari_sr.training._recipe import Recipe, read_recipe
from napari_sr.training._run import Entry, RunFolder
from napari_sr.training._teachers import Lesson, teach
from napari_sr.training._team import Team, gather
from napari_sr.training._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

SAVE_EVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of training reports."""

    iteration: int
    """Steps done."""
    iterations: int
    """Steps of the whole run."""
    loss: float
    """Mean of the loss since the last validation."""
    validation: Entry | None
    """The log's new line, where this step ended in a validation; of several processes only the first has it."""


def training_steps(
    recipe: Recipe, folder: Path, *, resume: bool = False, device: str = "cpu"
) -> Iterator[Step | Lesson]:
    """Train, one step an item; before the first one, an item for every image that teachers enlarge.

    In a program that ``torchrun`` has started, all processes train one network together; the first one writes.

    Parameters
    ----------
    recipe : Recipe
        From `read_recipe`.
    folder : Path
        Where ``state.pt``, ``log.csv``, ``curve.svg`` and the best weights go.
    resume : bool
        Go on from ``state.pt``.
    device : str
        A torch device; several processes on ``"cuda"`` take a GPU each.

    Yields
    ------
    Lesson
        While teachers are at work.
    Step
        After every step.

    Raises
    ------
    RecipeError
        If the folder holds another run, there is nothing to resume, or data or teachers cannot be used.
    """
    run = RunFolder(folder)
    if run.state.exists() and not resume:
        raise RecipeError(f"{folder}: holds a run already; pass --resume, or another output folder")
    team, where = gather(recipe, device)
    data, held_out = load_data(recipe)
    if recipe.distillation.active:
        yield from _taught(recipe, data, folder, where, team)
    data.to(where)
    trainer = Trainer(recipe, data, held_out, where, team)
    if resume:
        trainer.load_state_dict(run.load_state())
        if team.leads:
            run.go_back(trainer.iteration)
    yield from _steps(trainer, run)


def _taught(
    recipe: Recipe, data: TrainingData, folder: Path, device: torch.device, team: Team
) -> Iterator[Lesson]:
    """Let the first process run the teachers; the others read what it has written."""
    if team.leads:
        yield from teach(recipe, data, folder, str(device))
    team.agree(True, device)
    if not team.leads:
        yield from teach(recipe, data, folder, str(device))


def _steps(trainer: Trainer, run: RunFolder) -> Iterator[Step]:
    recipe, leads = trainer.recipe, trainer.team.leads
    total, count, saved = 0.0, 0, time.monotonic()
    while trainer.iteration < recipe.iterations:
        total, count, entry = total + trainer.step(), count + 1, None
        last = trainer.iteration == recipe.iterations
        due = last or trainer.iteration % recipe.optimisation.validate_every == 0
        if due:
            trainer.team.align(trainer.network)
        if due and leads:
            entry = trainer.validate(total / count)
            _record(trainer, run, entry)
        if leads and (last or time.monotonic() - saved > SAVE_EVERY_SECONDS):
            run.save_state(trainer.state_dict())
            saved = time.monotonic()
        yield Step(trainer.iteration, recipe.iterations, total / count, entry)
        if due:
            total, count = 0.0, 0


def _record(trainer: Trainer, run: RunFolder, entry: Entry) -> None:
    run.append(entry)
    if entry.psnr > trainer.best:
        trainer.best = entry.psnr
        run.save_weights("best", trainer.plain(), trainer.recipe, entry)
    run.draw_curve()


def train(
    recipe: Path | str,
    folder: Path | str,
    *,
    resume: bool = False,
    device: str = "cpu",
    **overrides: str | Sequence[str],
) -> Path:
    """Train a recipe to its end.

    Parameters
    ----------
    recipe : path
        A TOML file.
    folder : path
        Output of the run.
    resume : bool
        Go on from where a run in ``folder`` stopped.
    device : str
        A torch device.
    **overrides : str or sequence of str
        See `read_recipe`.

    Returns
    -------
    Path
        The best weights.
    """
    parsed = read_recipe(recipe, **overrides)
    for _ in training_steps(parsed, Path(folder), resume=resume, device=device):
        pass
    return Path(folder) / f"{parsed.name}-best.safetensors"
