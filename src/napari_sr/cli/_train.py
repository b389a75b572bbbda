"""``napari-sr train``: train a model by a recipe."""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import progress_bar

if TYPE_CHECKING:
    from napari_sr.training import TeacherProgress, TrainingProgress


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A TOML file, or the recipe of a bundled model, such as ecbsr-x2.",
        ),
    ],
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale", "-s", help="Output pixels per input pixel; for ecbsr instead of ecbsr-x2."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "--out", "-o", help="Folder of the run; else runs/<name of the recipe>."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the folder.")
    ] = False,
    device: options.Device = "auto",
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of images instead of the recipe's; NAME=FOLDER if the recipe uses several.",
        ),
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Weights to start from instead of the recipe's; given several times, their average.",
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH_OR_ID",
            help="Model to learn from instead of the recipe's; may be given several times.",
        ),
    ] = None,
) -> None:
    """Train a model; the best weights, a log and a learning curve are kept in the folder of the run."""
    from napari_sr.training import TrainingProgress, read_recipe, training_steps

    parsed = read_recipe(
        recipe, scale, data=_data(data or []), init=init or [], teachers=teacher or []
    )
    folder = out or Path("runs") / parsed.name
    steps = training_steps(parsed, folder, resume=resume, device=device)
    several = len(parsed.phases) > 1
    for kind, part in groupby(steps, type):
        title = parsed.name if kind is TrainingProgress else "teachers"
        with progress_bar(title) as progress:
            for step in part:
                _show(step, progress, several)
    typer.echo(f"best weights: {folder / f'{parsed.name}-best.safetensors'}")


def _data(given: list[str]) -> str | dict[str, str] | None:
    """One folder for all images of a recipe, or a folder for each of its names."""
    if len(given) == 1 and ("=" not in given[0] or Path(given[0]).is_dir()):
        return given[0]
    pairs = [each.partition("=") for each in given]
    for name, _, folder in pairs:
        if not folder:
            raise typer.BadParameter(f"several folders are given as NAME=FOLDER, not {name}")
    return {name: folder for name, _, folder in pairs} or None


def _show(
    step: "TrainingProgress | TeacherProgress",
    progress: Callable[[int, int], None],
    several: bool,
) -> None:
    """Move the bar; print each validation, and each tenth of the teachers' images."""
    from napari_sr.training import TeacherProgress

    if isinstance(step, TeacherProgress):
        progress(step.done, step.total)
        if step.done * 10 // step.total > (step.done - 1) * 10 // step.total:
            typer.echo(f"teachers: {step.done}/{step.total} images")
        return
    progress(step.iteration, step.iterations)
    if (entry := step.validation) is not None:
        phase = f"phase {step.phase}  " if several else ""
        typer.echo(
            f"{step.iteration}/{step.iterations}  {phase}{entry.seconds:.0f} s  "
            f"loss {entry.loss:.5f}  {entry.psnr:.3f} dB"
        )
