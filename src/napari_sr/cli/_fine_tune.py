"""``napari-sr fine-tune``: a model of one's own out of another and the image that it is meant for."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json, progress_bar
from napari_sr.errors import FileReadError


def fine_tune(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Images, or folders of images.")
    ],
    base: Annotated[
        str, typer.Option("--base", "-b", help="Id or path of the model to begin with.")
    ] = "mspn-microscopy",
    scale: Annotated[
        int | None, typer.Option("--scale", "-s", help="A native scale of it; else its smallest.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="How long it may take.")] = 2,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Id of the new model; else BASE-tuned.")
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
) -> None:
    """Fine-tune a model on your own image; it is kept if it is better on parts of the image that it never saw."""
    from napari_sr.inference import resolve_device
    from napari_sr.models import load_model
    from napari_sr.training import fine_tune as learn

    model = load_model(base)
    source = _read(images)
    with progress_bar(f"fine-tuning {model.id}") as progress:
        result = learn(
            source,
            model,
            minutes,
            scale=scale,
            name=name,
            device=resolve_device(device),
            progress=lambda done, total: progress(round(done), round(total)),
        )
    if json:
        print_json({**asdict(result), "gain": result.gain})
    else:
        typer.echo(str(result))


def _read(paths: list[Path]) -> list[tuple[Any, str]]:
    """Arrays and axes of images and of all images in folders."""
    from napari_sr.io import read_image
    from napari_sr.training._dataset import image_paths

    found = [image for path in paths for image in (image_paths(path) if path.is_dir() else [path])]
    if not found:
        raise FileReadError(f"{paths[0]}: holds no images")
    images = [read_image(path) for path in found]
    return [(image.data, image.axes) for image in images]
