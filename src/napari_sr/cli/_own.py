"""``napari-sr models download|import|add|remove``: what is in the catalog and on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import download_bar, megabytes
from napari_sr.errors import CancelledError

if TYPE_CHECKING:
    from napari_sr.models import Checkpoint, ModelCard

Id = Annotated[str | None, typer.Option("--id", help="Name in the catalog; else from the file's.")]
Title = Annotated[str | None, typer.Option(help="Name for people.")]
License = Annotated[
    str | None, typer.Option("--license", "--licence", help="SPDX identifier, e.g. MIT.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to the license beforehand.")]


def download(
    models: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids from `models list`.")],
    scale: Annotated[
        list[int] | None, typer.Option("--scale", "-s", help="Only this native scale; repeatable.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Download published weights; the license is shown before."""
    from napari_sr.models import download_model, missing_checkpoints

    for model in models:
        card = options.find_card(model)
        missing = missing_checkpoints(card, scale or ())
        if not missing:
            typer.echo(f"{card.id}: is on this machine already")
            continue
        size = sum(each.size or 0 for each in missing)
        typer.echo(f"{card.id}: {megabytes(size)} from {card.source}")
        _agree(card, yes)
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
    """Take a checkpoint file into the catalog."""
    from napari_sr.models import import_model

    known = options.known_color(color)
    card = import_model(
        file, id, title=title, license=license, value_range=value_range, color=known,
        trust_program=trust_program,
    )  # fmt: skip
    _tell(card)


def add(
    url: Annotated[str, typer.Option(help="Address of a checkpoint.")],
    sha256: Annotated[str, typer.Option(help="What the file must be.")],
    id: Id = None,
    title: Title = None,
    license: License = None,
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
) -> None:
    """Download a checkpoint from any address and take it into the catalog."""
    from napari_sr.models import add_model

    known = options.known_color(color)
    with download_bar(url) as progress:
        card = add_model(
            url, sha256, id, title=title, license=license, value_range=value_range, color=known,
            trust_program=trust_program, progress=progress,
        )  # fmt: skip
    _tell(card)


def remove(
    model: Annotated[str, typer.Argument(metavar="ID", help="Id from `models list`.")],
) -> None:
    """Remove a model of your own, or delete what was downloaded of a published one."""
    from napari_sr.models import remove_model

    card = remove_model(model)
    gone = "out of the catalog" if card.group == "Mine" else "its files are deleted"
    typer.echo(f"{card.id}: {gone}")


def _agree(card: "ModelCard", yes: bool) -> None:
    """Say what the license means; ask where it gives less than the usual rights."""
    from napari_sr.models import explain_license, is_permissive

    typer.echo(explain_license(card.license))
    if yes or is_permissive(card.license):
        return
    if not typer.confirm("Download it under these terms? (--yes agrees beforehand)"):
        raise CancelledError("not downloaded")


def _tell(card: "ModelCard") -> None:
    typer.echo(f"{card.id}: {_scales(card.checkpoints)} in the catalog; {card.summary}")


def _scales(checkpoints: tuple["Checkpoint", ...]) -> str:
    return ", ".join(f"x{each.scale}" for each in checkpoints)
