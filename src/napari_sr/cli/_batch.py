"""A batch: each image is tried, told of, and counted; the next one runs whatever became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from napari_sr._text import one_line
from napari_sr.cli._console import progress_bar
from napari_sr.cli._edge import message_of, unexpected
from napari_sr.errors import CancelledError, NapariSRError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.batch import Job
    from napari_sr.inference import UpscaleOptions


@dataclass(slots=True)
class Outcome:
    """What became of one image."""

    source: str
    """Path of the input."""
    target: str
    """Path of the output."""
    status: str = "done"
    """``done``, ``planned``, ``skipped`` or ``failed``."""
    plan: str = ""
    """What the engine set out to do, in one line."""
    seconds: float = 0.0
    """Reading and writing included."""
    error: str = ""
    """Why it failed."""
    messages: list[str] = field(default_factory=list)
    """What the user should know, one line each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Settings that all images of a call share, and where to tell of them."""

    options: UpscaleOptions
    """How to upscale."""
    axes: str | None
    """Axis letters instead of those of the files."""
    overwrite: bool
    """Do again what is there."""
    dry_run: bool
    """Only read and plan."""
    say: Callable[[str], object]
    """Told the plan, and whether an image was skipped."""

    def do(self, job: Job, place: str = "") -> Outcome:
        """Upscale one image; errors become part of the outcome, Ctrl-C does not.

        Parameters
        ----------
        job : Job
            Which image.
        place : str
            Stands before what is told of it, e.g. ``"[3/20] "``.

        Returns
        -------
        Outcome
            What became of it.
        """
        outcome = Outcome(str(job.source), str(job.target))
        if job.target.exists() and not self.overwrite:
            outcome.status = "skipped"
            self.say(f"{place}{job.target}: exists, skipped (--overwrite does it again)")
            return outcome
        started = time.perf_counter()
        try:
            self._run(job, outcome, place)
        except CancelledError:
            raise
        except NapariSRError as error:
            outcome.error = message_of(error)
        except Exception as error:
            outcome.error = unexpected(error)
        outcome.seconds = time.perf_counter() - started
        if outcome.error:
            outcome.status = "failed"
            named = "" if job.source.name in outcome.error else f"{job.source}: "
            typer.echo(f"error: {named}{outcome.error}", err=True)
        return outcome

    def _run(self, job: Job, outcome: Outcome, place: str) -> None:
        from napari_sr.batch import plan_file, run_file

        planned = plan_file(job, self.options, self.axes)
        outcome.plan = " ".join(str(planned.plan).split())
        self.say(f"{place}{job.source} -> {job.target}: {outcome.plan}")
        outcome.messages = list(planned.messages)
        if self.dry_run:
            outcome.status = "planned"
        else:
            with progress_bar(f"{place}{job.source.name}") as advance:
                report = run_file(planned, lambda step: advance(step.done, step.total))
            outcome.status = "done"
            outcome.messages += report.messages
        for message in outcome.messages:
            typer.echo(f"warning: {one_line(message)}", err=True)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Count what became of a batch.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of all images.

    Returns
    -------
    str
        One line, such as ``"3 done, 1 failed, 12.3 s"``.
    """
    counts = dict.fromkeys(["done", "planned", "skipped", "failed"], 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    told = [f"{count} {status}" for status, count in counts.items() if count]
    return ", ".join([*told, f"{sum(outcome.seconds for outcome in outcomes):.1f} s"])
