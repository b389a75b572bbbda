"""``napari-sr train``: a model from a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import progress_bar
from napari_sr.errors import RecipeError

if TYPE_CHECKING:
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
) -> None:
    """Train a model; the best weights, a log and a curve are kept in the folder of the run."""
    from napari_sr.inference import resolve_device
    from napari_sr.training import read_recipe, training_steps

    parsed = read_recipe(_found(recipe), **({} if data is None else {"data_train": data}))
    folder = out or Path("runs") / parsed.name
    where = resolve_device(device)
    with progress_bar(parsed.name) as progress:
        for step in training_steps(parsed, folder, resume=resume, device=where):
            progress(step.iteration, step.iterations)
            if step.validation is not None:
                typer.echo(_line(step.validation, step.iterations))
    typer.echo(f"best weights: {folder / f'{parsed.name}-best.safetensors'}")


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
