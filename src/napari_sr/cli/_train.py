"""``napari-sr train``: a model from a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli._console import progress_bar

if TYPE_CHECKING:
    from napari_sr.training._run import Entry


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="What to train, on what.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; else runs/<name of the recipe>."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from where the run in the folder stopped.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda:0 or mps.")] = "cpu",
    data: Annotated[
        str | None, typer.Option(help="Folder of images instead of the recipe's.")
    ] = None,
) -> None:
    """Train a model; the best weights, a log and a curve are kept in the folder of the run."""
    from napari_sr.training import read_recipe, training_steps

    parsed = read_recipe(recipe, **({} if data is None else {"data_train": data}))
    folder = out or Path("runs") / parsed.name
    with progress_bar(parsed.name) as progress:
        for step in training_steps(parsed, folder, resume=resume, device=device):
            progress(step.iteration, step.iterations)
            if step.validation is not None:
                typer.echo(_line(step.validation, step.iterations))
    typer.echo(f"best weights: {folder / f'{parsed.name}-best.safetensors'}")


def _line(entry: "Entry", iterations: int) -> str:
    return (
        f"{entry.iteration}/{iterations}  {entry.seconds:.0f} s  "
        f"loss {entry.loss:.5f}  {entry.psnr:.3f} dB"
    )
