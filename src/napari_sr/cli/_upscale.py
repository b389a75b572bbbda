"""``napari-sr upscale``: upscales files and folders, one image after the other; a failed one does not stop the rest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sr._text import format_seconds, one_line
from napari_sr.cli import _options as options
from napari_sr.cli._cluster import cluster
from napari_sr.cli._console import print_json, progress_bar
from napari_sr.cli._errors import FAILED, describe_error, describe_unexpected
from napari_sr.errors import CancelledError, InputError, NapariSRError

if TYPE_CHECKING:
    from napari_sr.batch import FileJob
    from napari_sr.inference import UpscaleOptions


def upscale(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN...", help="Images, folders (recursively), patterns.")
    ],
    out: Annotated[
        str,
        typer.Option(
            "--output", "--out", "-o", help="A file for one image; else a folder. Names are kept."
        ),
    ],
    scale: options.Scale = "2",
    model: options.Model = "ecbsr",
    value_range: options.ValueRange = None,
    color: options.Color = None,
    trust_program: options.TrustProgram = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.TileSize = "auto",
    tile_mode: options.TileMode = "seamless",
    ensemble: options.Ensemble = False,
    isotropic: options.Isotropic = False,
    z_spacing: options.ZSpacing = None,
    uncertainty: options.Uncertainty = False,
    axes: Annotated[
        str | None,
        typer.Option(help="One letter for each dimension, e.g. TZCYX, if the file is wrong."),
    ] = None,
    intensity_range: options.IntensityRange = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace existing files. Without it, those that the same options made are skipped.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plans and do nothing.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option("--dask-scheduler", metavar="ADDRESS", help="Run on a dask cluster: tcp://…"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Run in this many processes on this machine.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Upscale images; pixel size, position, intensities and data type are kept."""
    from napari_sr.batch import find_jobs
    from napari_sr.inference import UpscaleOptions

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
    jobs = find_jobs(inputs, out)
    say = _say_nothing if json else typer.echo
    batch = _Batch(chosen, axes, overwrite, dry_run, say)
    with cluster(scheduler, workers, say):
        outcomes = [batch.run(job, f"[{at}/{len(jobs)}] ") for at, job in enumerate(jobs, start=1)]
    if json:
        print_json([asdict(outcome) for outcome in outcomes])
    else:
        typer.echo(_summary(outcomes))
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(FAILED)


@dataclass(slots=True)
class _Outcome:
    """What happened to one image; ``--json`` prints it."""

    source: str
    """Path of the input."""
    target: str
    """Path of the output."""
    status: str = "done"
    """``done``, ``planned``, ``skipped`` or ``failed``."""
    plan: str = ""
    """The plan, in one line."""
    seconds: float = 0.0
    """Duration, with reading and writing."""
    error: str = ""
    """Why it failed."""
    messages: list[str] = field(default_factory=list)
    """Messages for the user, one line each."""
    record: dict[str, Any] = field(default_factory=dict)
    """How the output was made; empty if it was not."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Settings of a call, which all of its images share."""

    options: "UpscaleOptions"
    """How to upscale."""
    axes: str | None
    """Axis letters instead of those of the files."""
    overwrite: bool
    """Whether to replace existing files."""
    dry_run: bool
    """Whether to stop after the plan."""
    say: Callable[[str], object]
    """Prints a line."""

    def run(self, job: "FileJob", prefix: str) -> _Outcome:
        """Upscale one image. Errors become part of the outcome; an interruption is raised."""
        outcome = _Outcome(str(job.source), str(job.target))
        started = time.perf_counter()
        try:
            self._upscale(job, outcome, prefix)
        except CancelledError:
            raise
        except NapariSRError as error:
            outcome.error = describe_error(error)
        except Exception as error:
            outcome.error = describe_unexpected(error)
        outcome.seconds = time.perf_counter() - started
        for message in outcome.messages:
            typer.echo(f"warning: {one_line(message)}", err=True)
        if outcome.error:
            outcome.status = "failed"
            named = job.source.name in outcome.error or job.target.name in outcome.error
            where = "" if named else f"{job.source}: "
            typer.echo(f"error: {where}{outcome.error}", err=True)
        return outcome

    def _upscale(self, job: "FileJob", outcome: _Outcome, prefix: str) -> None:
        from napari_sr.batch import difference_from_existing, plan_file, run_file

        planned = plan_file(job, self.options, self.axes)
        outcome.plan = " ".join(str(planned.plan).split())
        if job.target.exists() and not self.overwrite:
            if (difference := difference_from_existing(planned)) is not None:
                raise InputError(f"{job.target}: {difference}; --overwrite replaces it")
            outcome.status = "skipped"
            self.say(f"{prefix}{job.target}: exists, skipped (--overwrite makes it again)")
            return
        self.say(f"{prefix}{job.source} -> {job.target}: {outcome.plan}")
        outcome.messages += planned.messages
        if self.dry_run:
            outcome.status = "planned"
            return
        with progress_bar(f"{prefix}{job.source.name}") as advance:
            report = run_file(planned, lambda step: advance(step.done, step.total))
        outcome.messages += report.messages
        outcome.record = report.record(job.source.name)


def _summary(outcomes: Sequence[_Outcome]) -> str:
    """Counts and duration in one line, such as ``"3 done, 1 failed, 12 s"``."""
    counts = dict.fromkeys(["done", "planned", "skipped", "failed"], 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    return ", ".join([*parts, format_seconds(sum(outcome.seconds for outcome in outcomes))])


def _say_nothing(_: str) -> None:
    pass
