"""``napari-sr upscale``: files and folders, one after the other; what fails does not stop the rest."""

from dataclasses import asdict
from typing import Annotated

import typer

from napari_sr.cli import _options as options
from napari_sr.cli._batch import Batch, summary
from napari_sr.cli._cluster import cluster
from napari_sr.cli._console import print_json
from napari_sr.cli._edge import FAILED


def upscale(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN...", help="Images, folders (recursively), patterns.")
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="A file for one image; else a folder. Names are kept."),
    ],
    scale: options.ScaleText = "2",
    model: options.Model = "ecbsr",
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.TileText = "auto",
    tile_mode: options.TileMode = "seamless",
    ensemble: options.Ensemble = False,
    isotropic: options.Isotropic = False,
    z_spacing: options.ZSpacing = None,
    uncertainty: options.Uncertainty = False,
    axes: Annotated[
        str | None, typer.Option(help="One letter a dimension, e.g. TZCYX, if the file is wrong.")
    ] = None,
    intensity_range: Annotated[
        str | None,
        typer.Option("--range", help="LOW,HIGH: intensities seen as black and white; else found."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do again what is there; else it is skipped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option("--dask-scheduler", metavar="ADDRESS", help="Run on a dask cluster: tcp://…"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Run on so many processes of this machine.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Upscale images and write them with their pixel size; intensities and type are kept."""
    from napari_sr.batch import plan_jobs
    from napari_sr.inference import UpscaleOptions
    from napari_sr.io import READABLE_SUFFIXES, WRITABLE_SUFFIXES

    chosen = UpscaleOptions(
        scale=options.parse_scale(scale),
        model=options.load(model, value_range, color, trust_program),
        device=device,
        precision=precision,
        tile=options.parse_tile(tile),
        tile_mode=tile_mode,
        ensemble=ensemble,
        isotropic=isotropic,
        z_spacing=z_spacing,
        uncertainty=uncertainty,
        intensity_range=options.parse_range(intensity_range),
    )
    jobs = plan_jobs(inputs, out, readable=READABLE_SUFFIXES, writable=WRITABLE_SUFFIXES)
    say = _say_nothing if json else typer.echo
    batch = Batch(chosen, axes, overwrite, dry_run, say)
    with cluster(scheduler, workers, say):
        outcomes = [batch.do(job, f"[{at}/{len(jobs)}] ") for at, job in enumerate(jobs, start=1)]
    if json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        typer.echo(summary(outcomes))
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(FAILED)


def _say_nothing(_: str) -> None:
    pass
