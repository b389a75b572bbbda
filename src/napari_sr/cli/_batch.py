"""A batch: each image is tried, told of, and counted; the next one runs whatever became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from napari_sr.cli._console import progress_bar
from napari_sr.cli._edge import one_line, unexpected
from napari_sr.cli._file import upscale_file
from napari_sr.errors import CancelledError, NapariSRError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.cli._file import Settings
    from napari_sr.cli._jobs import Job


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


@dataclass(frozen=True, slots=True)
class Batch:
    """Settings that all images of a call share, and where to tell of them."""

    settings: Settings
    """How to upscale."""
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
            outcome.error = one_line(error)
        except Exception as error:
            outcome.error = unexpected(error)
        outcome.seconds = time.perf_counter() - started
        if outcome.error:
            outcome.status = "failed"
            named = "" if job.source.name in outcome.error else f"{job.source}: "
            typer.echo(f"error: {named}{outcome.error}", err=True)
        return outcome

    def _run(self, job: Job, outcome: Outcome, place: str) -> None:
        def told(plan: object) -> None:
            outcome.plan = " ".join(str(plan).split())
            self.say(f"{place}{job.source} -> {job.target}: {outcome.plan}")

        outcome.status = "planned" if self.dry_run else "done"
        with progress_bar(f"{place}{job.source.name}") as progress:
            upscale_file(job, self.settings, told, None if self.dry_run else progress)


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
