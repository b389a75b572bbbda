"""``napari-sr fine-tune``: adapt a model to your own images."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json, progress_bar
from napari_sr.errors import FileReadError

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage


def fine_tune(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Images, or folders of images.")
    ],
    scale: Annotated[
        int | None,
        typer.Option("--scale", "-s", help="A native scale of the model; else its smallest."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", "--base", "-b", help="Id or path of the model that is fine-tuned."
        ),
    ] = "mspn-microscopy",
    minutes: Annotated[float, typer.Option(help="Training time at most.")] = 2,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Id of the new model; else MODEL-tuned.")
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Fine-tune a model on your own image; the result is kept if it is better on parts that were held out."""
    from napari_sr.models import load_model
    from napari_sr.training import fine_tune as learn

    base = load_model(model)
    source = _read(images)
    with progress_bar(f"fine-tuning {base.id}") as progress:
        result = learn(
            source,
            scale,
            base,
            minutes,
            name=name,
            device=device,
            progress=lambda done, total: progress(round(done), round(total)),
        )
    if json:
        print_json({**asdict(result), "gain": result.gain})
    else:
        typer.echo(str(result))


def _read(paths: list[Path]) -> "list[SpatialImage]":
    """Images of files and of all files in folders."""
    from napari_sr.io import read_image
    from napari_sr.training import image_paths

    found = [image for path in paths for image in (image_paths(path) if path.is_dir() else [path])]
    if not found:
        raise FileReadError(f"{paths[0]}: holds no images")
    return [read_image(path) for path in found]
