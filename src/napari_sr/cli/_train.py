"""``napari-sr train``: a model from a recipe."""

from collections import deque
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import progress_bar
from napari_sr.errors import RecipeError

if TYPE_CHECKING:
    from napari_sr.training import Lesson, Step
    from napari_sr.training._run import Entry


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE.toml", help="A file, or the name of one that ships.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; else runs/<name of the recipe>."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where the run in the folder stopped.")
    ] = False,
    device: options.Device = "auto",
    data: Annotated[
        str | None, typer.Option(help="Folder of images instead of the recipe's.")
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Weights to start from instead of the recipe's; several times for their mean.",
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH_OR_ID",
            help="Model to learn from instead of the recipe's; several times for several.",
        ),
    ] = None,
) -> None:
    """Train a model; the best weights, a log and a curve are kept in the folder of the run."""
    from napari_sr.inference import resolve_device
    from napari_sr.training import leads, read_recipe, training_steps

    given: dict[str, str | list[str] | None] = {
        "data_train": data,
        "distillation_teachers": teacher,
    }
    overrides = {key: value for key, value in given.items() if value}
    if init:
        overrides |= {"model_init": init[0], "model_mean_with": init[1:]}
    parsed = read_recipe(_found(recipe), **overrides)
    folder = out or Path("runs") / parsed.name
    steps = training_steps(parsed, folder, resume=resume, device=resolve_device(device))
    if not leads():  # the first of several processes speaks for all
        deque(steps, maxlen=0)
        return
    for kind, part in groupby(steps, type):
        title = parsed.name if kind.__name__ == "Step" else "teachers"
        with progress_bar(title) as progress:
            for step in part:
                _tell(step, progress)
    typer.echo(f"best weights: {folder / f'{parsed.name}-best.safetensors'}")


def _tell(step: "Step | Lesson", progress: Callable[[int, int], None]) -> None:
    """Move the bar, and print what is worth a line."""
    from napari_sr.training import Lesson

    if isinstance(step, Lesson):
        progress(step.done, step.total)
        if step.done * 10 // step.total > (step.done - 1) * 10 // step.total:
            typer.echo(f"teachers: {step.done}/{step.total} images")
    else:
        progress(step.iteration, step.iterations)
        if step.validation is not None:
            typer.echo(_line(step.validation, step.iterations))


def _found(recipe: str) -> Path:
    """A file as it is; a bare name among the recipes that ship."""
    from importlib.resources import files

    shipped = Path(str(files("napari_sr"))) / "training" / "recipes"
    path = Path(recipe)
    if path.exists() or path.suffix or path.name != recipe:
        return path
    names = sorted(each.stem for each in shipped.glob("*.toml"))
    if recipe not in names:
        raise RecipeError(
            f"no file and no recipe is called {recipe}; these ship: {', '.join(names)}"
        )
    return shipped / f"{recipe}.toml"


def _line(entry: "Entry", iterations: int) -> str:
    return (
        f"{entry.iteration}/{iterations}  {entry.seconds:.0f} s  "
        f"loss {entry.loss:.5f}  {entry.psnr:.3f} dB"
    )
