"""The folder of a run: the state to resume from, the best weights, the log and the learning curve."""

from __future__ import annotations

import contextlib
import csv
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_sr._files import atomic_path
from napari_sr.errors import RecipeError
from napari_sr.models import save_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from napari_sr.training._recipe import Phase

COLUMNS = ("iteration", "seconds", "lr", "loss", "psnr")
"""Columns of ``log.csv``: the fields of `LogEntry`."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log, written at each validation."""

    iteration: int
    """Steps done."""
    seconds: float
    """Training time since the first step, without pauses."""
    lr: float
    """Learning rate."""
    loss: float
    """Mean loss since the previous entry."""
    psnr: float
    """PSNR of the averaged weights on the held-out images, in dB."""


def append_entry(log: Path, entry: LogEntry) -> None:
    """Append a line to a log, which is created if there is none."""
    new = not log.exists()
    with log.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([f"{getattr(entry, name):.6g}" for name in COLUMNS])


def read_log(log: Path) -> list[LogEntry]:
    """All lines of a log; none if it does not exist."""
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [
            LogEntry(int(float(row["iteration"])), *(float(row[name]) for name in COLUMNS[1:]))
            for row in csv.DictReader(file)
        ]


def join_logs(logs: Iterable[Sequence[LogEntry]]) -> list[LogEntry]:
    """Logs of consecutive phases as one log; iterations and seconds are counted through."""
    joined: list[LogEntry] = []
    for log in logs:
        last = joined[-1] if joined else LogEntry(0, 0.0, 0.0, 0.0, 0.0)
        joined += [
            replace(
                entry,
                iteration=last.iteration + entry.iteration,
                seconds=last.seconds + entry.seconds,
            )
            for entry in log
        ]
    return joined


class RunFolder:
    """Everything that a run keeps.

    Parameters
    ----------
    path : Path
        The folder, which is created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.log = path / "log.csv"
        self.state = path / "state.pt"

    def append(self, entry: LogEntry) -> None:
        """Append a line to ``log.csv``."""
        append_entry(self.log, entry)

    def entries(self) -> list[LogEntry]:
        """The log so far."""
        return read_log(self.log)

    def truncate_log(self, iteration: int) -> None:
        """Remove lines of ``log.csv`` after an iteration: a stopped run may have logged more than it saved."""
        if not self.log.exists():
            return
        with self.log.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        kept = [row for i, row in enumerate(rows) if i == 0 or int(float(row[0])) <= iteration]
        if kept == rows:
            return
        with (
            atomic_path(self.log) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            csv.writer(file).writerows(kept)

    def save_state(self, state: dict[str, Any]) -> None:
        """Write ``state.pt``, completely or not at all."""
        with atomic_path(self.state) as beside:
            torch.save(state, beside)

    def load_state(self) -> dict[str, Any]:
        """Read what `save_state` wrote.

        Raises
        ------
        RecipeError
            If there is nothing to resume from.
        """
        if not self.state.exists():
            raise RecipeError(f"{self.path}: no state.pt to resume from; start without --resume")
        state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
        return state

    def weights(self, name: str) -> Path:
        """Path of the best weights of a run, which may not exist yet; ``name`` is such as ``"ecbsr-x2"``."""
        return self.path / f"{name}-best.safetensors"

    def save_weights(self, path: Path, network: nn.Module, phase: Phase, entry: LogEntry) -> None:
        """Write weights, unmerged, with the facts that loading needs.

        Parameters
        ----------
        path : Path
            A safetensors file.
        network : nn.Module
            The network.
        phase : Phase
            Its ``model`` describes the network.
        entry : LogEntry
            The validation of these weights.
        """
        save_network(
            path,
            network,
            architecture=phase.model.architecture,
            config={"scale": phase.model.scale, **phase.model.config},
            value_range=1.0,
            color=phase.model.color,
            iterations=entry.iteration,
            validation_psnr=round(entry.psnr, 4),
        )

    def publish(self, phases: Sequence[RunFolder], name: str) -> None:
        """Copy the best weights of the last of some phases here, and write the joined log and curve of all.

        Parameters
        ----------
        phases : sequence of RunFolder
            The phases that are finished, in their order.
        name : str
            Name of the weights, such as ``"ecbsr-x2"``.
        """
        with atomic_path(self.weights(name)) as beside:
            shutil.copyfile(phases[-1].weights(name), beside)
        with atomic_path(self.log) as beside:
            for entry in join_logs(phase.entries() for phase in phases):
                append_entry(beside, entry)
        self.draw_curve()

    def draw_curve(self) -> None:
        """Draw ``curve.svg`` from the log; skipped if matplotlib is not installed."""
        with contextlib.suppress(ImportError):
            draw_curve(self.entries(), self.path / "curve.svg")


def draw_curve(entries: Sequence[LogEntry], path: Path) -> None:
    """Plot held-out PSNR and learning rate against iterations.

    Parameters
    ----------
    entries : sequence of LogEntry
        The log; nothing is drawn for fewer than two entries.
    path : Path
        An SVG file.
    """
    from matplotlib import rc_context

    if len(entries) < 2:
        return
    # Text stays text, which halves the file; without a date and with fixed ids, equal logs give equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "napari-sr"}):
        _figure(entries).savefig(path, metadata={"Date": None})


def _figure(entries: Sequence[LogEntry]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    steps = [entry.iteration / 1000 for entry in entries]
    axes.plot(steps, [entry.psnr for entry in entries], color="tab:blue")
    axes.set_xlabel("iterations / 1000")
    axes.set_ylabel("held-out PSNR / dB", color="tab:blue")
    axes.grid(alpha=0.3)
    rate = axes.twinx()
    rate.plot(steps, [entry.lr for entry in entries], color="tab:grey", linewidth=0.8)
    rate.set_ylabel("learning rate", color="tab:grey")
    return figure
