"""``napari-sr upscale``: files and folders, one after the other; what fails does not stop the rest."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._console import print_json, progress_bar
from napari_sr.cli._edge import FAILED, one_line, unexpected
from napari_sr.cli._jobs import Job, plan_jobs
from napari_sr.errors import CancelledError, NapariSRError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Outcome:
    """What became of one image."""

    source: str
    target: str
    status: str = "done"
    """``done``, ``skipped``, ``planned`` or ``failed``."""
    error: str = ""
    seconds: float = 0.0
    plan: dict[str, Any] = field(default_factory=dict)


def upscale(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN...", help="Images, folders (recursively), patterns.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="A file for one image; else a folder. Names are kept."),
    ],
    scale: options.ScaleText = "2",
    model: options.Model = "ecbsr",
    value_range: options.ValueRange = None,
    colour: options.Colour = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.TileText = "auto",
    ensemble: options.Ensemble = False,
    axes: Annotated[
        str | None, typer.Option(help="One letter a dimension, e.g. TZCYX, if the file is wrong.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do again what is there; else it is skipped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Upscale images and write them with their pixel size; intensities and type are kept."""
    from napari_sr.cli._file import Settings, readable, writable
    from napari_sr.models import load_model

    settings = Settings(
        scale=options.parse_scale(scale),
        model=load_model(model, value_range=value_range, colour=colour),
        device=device,
        precision=precision,
        tile=options.parse_tile(tile),
        ensemble=ensemble,
        axes=axes,
    )
    jobs = plan_jobs(inputs, out, readable=readable(), writable=writable())
    say = _quiet if json else typer.echo
    outcomes = [_do(job, settings, overwrite, dry_run, say) for job in jobs]
    if json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        _summarise(outcomes)
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(FAILED)
