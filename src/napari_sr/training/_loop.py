"""The training loop: step, validate now and then, keep the best weights, phase by phase.

`training_steps` is a generator: closing it stops the run between two steps, and what was saved stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_sr._steps import finish
from napari_sr.errors import RecipeError
from napari_sr.inference import resolve_device
from napari_sr.training._dataset import load_data
from napari_sr.training._distillation import TeacherProgress, add_teacher_targets
from napari_sr.training._recipe import PHASE_WEIGHTS, Phase, Recipe
from napari_sr.training._recipe_file import read_recipe
from napari_sr.training._run_folder import LogEntry, RunFolder
from napari_sr.training._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

SAVE_SECONDS = 120.0
"""Time between two saved states: no more than this is lost when a run is interrupted, and saving takes a second."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Progress of the training, reported after each step."""

    iteration: int
    """Steps done in all phases."""
    iterations: int
    """Steps of the whole run."""
    loss: float
    """Mean of the loss since the last validation."""
    validation: LogEntry | None
    """The new line of the log, if this step ended in a validation. Its iteration is counted within the phase."""
    phase: str
    """Name of the phase."""


def train(
    recipe: str | Path | Recipe,
    folder: str | Path | None = None,
    *,
    scale: int | None = None,
    data: str | Path | Mapping[str, str | Path] | None = None,
    init: Sequence[str | Path] = (),
    teachers: Sequence[str | Path] = (),
    resume: bool = False,
    device: str = "auto",
    progress: Callable[[TrainingProgress | TeacherProgress], object] | None = None,
) -> Path:
    """Train a model as a recipe says.

    Parameters
    ----------
    recipe : str, Path or Recipe
        A TOML file, or the name of a recipe that is part of the package, such as ``"ecbsr-x2"``.
    folder : str or Path, optional
        Where state, log, curve and best weights are written. Left out: ``runs/<name of the recipe>``.
    scale, data, init, teachers : optional
        As for `read_recipe`.
    resume : bool
        Continue the run in ``folder``.
    device : str
        ``"auto"``, ``"gpu"``, ``"cpu"``, ``"cuda:1"`` or ``"mps"``, as for `napari_sr.upscale`.
    progress : callable, optional
        Called after each step, and after each image that teachers enlarge. An exception that it raises stops the run,
        which can be resumed.

    Returns
    -------
    Path
        The best weights, which `napari_sr.load_model` and ``napari-sr models import`` take.

    Raises
    ------
    RecipeError
        If the recipe is wrong, or data, weights or teachers cannot be used, or the folder holds another run.
    DeviceError
        If this machine has no such device.
    """
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe, scale, data=data, init=init, teachers=teachers)
    steps = training_steps(recipe, folder, resume=resume, device=device)
    return finish(steps, progress)


def training_steps(
    recipe: Recipe,
    folder: str | Path | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
) -> Generator[TrainingProgress | TeacherProgress, None, Path]:
    """`train` step by step; closing the generator stops the run, which can be resumed.

    A recipe with one phase writes ``state.pt``, ``log.csv``, ``curve.svg`` and its best weights into the folder. If
    there are several, each writes into a subfolder ``phase-<name>``, and the folder gets the best weights of the last
    finished phase, and the log and curve of all.

    Parameters
    ----------
    recipe : Recipe
        From `read_recipe`.
    folder, resume, device
        As for `train`.

    Yields
    ------
    TeacherProgress
        Before the first and after every image that teachers enlarge.
    TrainingProgress
        After every step.

    Raises
    ------
    RecipeError, DeviceError
        As for `train`.
    """
    where = torch.device(resolve_device(device))
    place = Path("runs") / recipe.name if folder is None else Path(folder)
    several = len(recipe.phases) > 1
    folders = [place / f"phase-{phase.name}" if several else place for phase in recipe.phases]
    started = any((each / "state.pt").exists() for each in folders)
    if started and not resume:
        raise RecipeError(f"{place}: contains a run already; pass --resume, or another folder")
    if resume and not started:
        raise RecipeError(f"{place}: no state.pt to resume from; start without --resume")
    phases = [_with_files(phase, recipe, folders, place) for phase in recipe.phases]
    done, finished = 0, []
    for phase, path in zip(phases, folders, strict=True):
        run = RunFolder(path)
        if not run.state.exists() or run.load_state()["iteration"] < phase.steps:
            for each in _phase_steps(phase, run, place, where):
                yield (
                    replace(each, iteration=done + each.iteration, iterations=recipe.iterations)
                    if isinstance(each, TrainingProgress)
                    else each
                )
        done += phase.steps
        finished.append(run)
        if several:
            RunFolder(place).publish(finished, recipe.name)
    return place / f"{recipe.name}-best.safetensors"


def _with_files(phase: Phase, recipe: Recipe, folders: Sequence[Path], place: Path) -> Phase:
    """The phase with files in place of names of phases, and with the phase before as its default start."""
    names = [each.name for each in recipe.phases]

    def file(name: str) -> str:
        match = PHASE_WEIGHTS.fullmatch(name)
        if match is None:
            return name
        if match["recipe"] == recipe.name:
            if match["phase"] not in names:
                raise RecipeError(f"{recipe.name}: has no phase {match['phase']}")
            return str(folders[names.index(match["phase"])] / f"{recipe.name}-best.safetensors")
        run, weights = place.parent / match["recipe"], f"{match['recipe']}-best.safetensors"
        of_phase = run / f"phase-{match['phase']}" / weights
        found = of_phase if of_phase.parent.is_dir() else run / weights
        if not found.exists():
            raise RecipeError(
                f"{recipe.name} needs {found}: train {match['recipe']} into {run} first, or pass other weights"
            )
        return str(found)

    before = names.index(phase.name) - 1
    init = phase.model.init or ((f"{recipe.name}/{names[before]}",) if before >= 0 else ())
    return replace(
        phase,
        model=replace(phase.model, init=tuple(map(file, init))),
        distillation=replace(
            phase.distillation, teachers=tuple(map(file, phase.distillation.teachers))
        ),
    )


def _phase_steps(
    phase: Phase, run: RunFolder, place: Path, device: torch.device
) -> Generator[TrainingProgress | TeacherProgress, None, None]:
    """Train one phase, or the rest of it; ``place`` is the folder of the whole run."""
    data, held_out = load_data(phase)
    if phase.distillation.active:
        yield from add_teacher_targets(phase, data, place, str(device))
        if phase.distillation.pairs == "teacher":
            data.reduce_teacher_targets()
    data.to(device)
    trainer = Trainer(phase, data, held_out, device)
    if run.state.exists():
        trainer.load_state_dict(run.load_state())
    run.truncate_log(trainer.iteration)
    total, count, saved = 0.0, 0, time.monotonic()
    while trainer.iteration < phase.steps:
        total, count, entry = total + trainer.step(), count + 1, None
        last = trainer.iteration == phase.steps
        if last or trainer.iteration % phase.optimization.validate_every == 0:
            entry = trainer.validate(total / count)
            run.append(entry)
            if entry.psnr > trainer.best:
                trainer.best = entry.psnr
                weights = run.weights(phase.weights_name)
                run.save_weights(weights, trainer.averaged_network(), phase, entry)
            run.draw_curve()
        if last or time.monotonic() - saved > SAVE_SECONDS:
            run.save_state(trainer.state_dict())
            saved = time.monotonic()
        yield TrainingProgress(trainer.iteration, phase.steps, total / count, entry, phase.name)
        if entry is not None:
            total, count = 0.0, 0
    if not run.weights(phase.weights_name).exists():
        raise RecipeError(
            "the training diverged: no validation was finite; use a smaller schedule.lr"
        )
