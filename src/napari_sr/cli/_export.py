"""``napari-sr models export``: a model for other programs, tried before it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json


def export(
    model: Annotated[str, typer.Argument(help="Id from `models list`, or path of a checkpoint.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File; its suffix tells the format.")
    ],
    scale: Annotated[
        int | None, typer.Option("--scale", "-s", help="Native scale; the only one if left out.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="torchscript, onnx, safetensors or bioimageio (a zip file).")
    ] = None,
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
    license: Annotated[
        str | None,
        typer.Option(
            "--license", "--licence", help="SPDX identifier, if the model does not say it itself."
        ),
    ] = None,
    author: Annotated[
        list[str] | None, typer.Option(help="For a bioimage.io package; several times for several.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a model as TorchScript (.pt), ONNX (.onnx), safetensors or bioimage.io package (.zip).

    The file is run and compared with the model; what differs is not kept.
    """
    from dataclasses import asdict

    from napari_sr.models.export import export_model

    loaded = options.load(model, value_range, color, trust_program)
    done = export_model(loaded, output, scale, format, license=license, authors=author or ())
    if json:
        print_json(asdict(done))
        return
    typer.echo(
        f"{done.path}: {done.model} x{done.scale} as {done.format}, {done.size / 1000:.0f} kB; "
        f"differs from the model by at most {done.difference:.1e} of the output"
    )
    if done.step > 1:
        typer.echo(f"its images must be multiples of {done.step} high and wide")
