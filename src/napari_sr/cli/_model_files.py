"""``napari-sr models download|import|add|remove|export``: files of models, to this machine and to other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr._text import format_bytes, one_line
from napari_sr.cli import _options as options
from napari_sr.cli._console import download_bar, print_json
from napari_sr.errors import CancelledError

if TYPE_CHECKING:
    from napari_sr.models import Checkpoint, ModelCard

Id = Annotated[
    str | None, typer.Option("--id", help="Id in the catalog; else from the file's name.")
]
Title = Annotated[str | None, typer.Option(help="Name that is shown to people.")]
License = Annotated[
    str | None, typer.Option("--license", "--licence", help="SPDX identifier, e.g. MIT.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to the license beforehand.")]


def download(
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids from `models list`.")],
    scale: Annotated[
        list[int] | None,
        typer.Option("--scale", "-s", help="Only this native scale; may be given several times."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Download published weights; the license is shown before."""
    from napari_sr.models import download_model, list_models, load_model, missing_checkpoints

    known = {card.id: card for card in list_models()}
    for model in models:
        # The loader's message about an unknown id names similar ones.
        card = known[model] if model in known else load_model(model).card
        missing = missing_checkpoints(card, scale or ())
        if not missing:
            typer.echo(f"{card.id}: is on this machine already")
            continue
        size = sum(each.size or 0 for each in missing)
        typer.echo(f"{card.id}: {format_bytes(size)} from {one_line(card.source)}")
        _confirm_license(card, yes)
        with download_bar(card.id) as progress:
            download_model(model, scale or (), progress)
        typer.echo(f"{card.id}: {_scales(missing)} downloaded and verified")


def import_(
    file: Annotated[Path, typer.Argument(help="A checkpoint; it is copied.")],
    id: Id = None,
    title: Title = None,
    license: License = None,
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
) -> None:
    """Add a checkpoint file to the catalog."""
    from napari_sr.models import import_model

    known = options.parse_color(color)
    card = import_model(
        file, id, title=title, license=license, value_range=value_range, color=known,
        trust_program=trust_program,
    )  # fmt: skip
    _show_added(card)


def add(
    url: Annotated[str, typer.Option(help="Address of a checkpoint.")],
    sha256: Annotated[str, typer.Option(help="SHA-256 of the file, in hexadecimal digits.")],
    id: Id = None,
    title: Title = None,
    license: License = None,
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
) -> None:
    """Download a checkpoint from any address and add it to the catalog."""
    from napari_sr.models import add_model

    known = options.parse_color(color)
    with download_bar(url) as progress:
        card = add_model(
            url, sha256, id, title=title, license=license, value_range=value_range, color=known,
            trust_program=trust_program, progress=progress,
        )  # fmt: skip
    _show_added(card)


def remove(
    model: Annotated[str, typer.Argument(metavar="ID", help="Id from `models list`.")],
) -> None:
    """Remove a model of your own, or delete the downloaded files of a published one."""
    from napari_sr.models import remove_model

    card = remove_model(model)
    done = "removed from the catalog" if card.group == "Mine" else "its files are deleted"
    typer.echo(f"{card.id}: {done}")


def export(
    model: Annotated[str, typer.Argument(help="Id from `models list`, or path of a checkpoint.")],
    output: Annotated[
        Path,
        typer.Option("--output", "--out", "-o", help="File; its suffix determines the format."),
    ],
    scale: Annotated[
        int | None,
        typer.Option("--scale", "-s", help="Native scale; may be left out if there is only one."),
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
            "--license", "--licence", help="SPDX identifier, if the model does not state its own."
        ),
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(help="For a bioimage.io package; may be given several times."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a model as TorchScript (.pt), ONNX (.onnx), safetensors or bioimage.io package (.zip).

    The file is run and compared with the model; if their outputs differ, it is not kept.
    """
    from dataclasses import asdict

    from napari_sr.models.export import export_model

    loaded = options.load(model, value_range, color, trust_program)
    done = export_model(loaded, output, scale, format, license=license, authors=author or ())
    if json:
        print_json(asdict(done))
        return
    typer.echo(
        f"{done.path}: {done.model} x{done.scale} as {done.format}, {format_bytes(done.size)}; "
        f"differs from the model by at most {done.difference:.1e} of the output"
    )
    if done.step > 1:
        typer.echo(f"its images must be multiples of {done.step} high and wide")


def _confirm_license(card: "ModelCard", yes: bool) -> None:
    """Explain the license; ask unless it is a permissive one."""
    from napari_sr.models import explain_license, is_permissive

    typer.echo(one_line(explain_license(card.license)))
    if yes or is_permissive(card.license):
        return
    if not typer.confirm("Download it under these terms? (--yes agrees beforehand)"):
        raise CancelledError("not downloaded")


def _show_added(card: "ModelCard") -> None:
    typer.echo(f"{card.id}: {_scales(card.checkpoints)} in the catalog; {one_line(card.summary)}")


def _scales(checkpoints: tuple["Checkpoint", ...]) -> str:
    return ", ".join(f"x{each.scale}" for each in checkpoints)
