"""The folder of a run: its state to resume from, its best weights, its log and curve."""

from __future__ import annotations

import contextlib
import csv
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from napari_sr.errors import RecipeError
from napari_sr.models import save_network

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sr.training._recipe import Recipe

FIELDS = ("iteration", "seconds", "lr", "loss", "psnr")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    iteration: int
    """Steps done."""
    seconds: float
    """Spent training since the first step, over all sessions."""
    lr: float
    """Learning rate."""
    loss: float
    """Mean since the entry before."""
    psnr: float
    """Of the mean weights on the held-out images, in dB."""


def append_entry(log: Path, entry: Entry) -> None:
    """Add a line to a log, which is begun where it is not there."""
    new = not log.exists()
    with log.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(FIELDS)
        writer.writerow([f"{getattr(entry, name):.6g}" for name in FIELDS])


def cut_log(log: Path, iteration: int) -> None:
    """Take out of a log what comes after so many steps; all of the change is made or none of it."""
    if not log.exists():
        return
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    kept = [row for i, row in enumerate(rows) if i == 0 or int(float(row[0])) <= iteration]
    if kept == rows:
        return
    part = log.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(kept)
    os.replace(part, log)


def read_log(log: Path) -> list[Entry]:
    """All lines of a log; none where it is not there."""
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [
            Entry(int(float(row["iteration"])), *(float(row[name]) for name in FIELDS[1:]))
            for row in csv.DictReader(file)
        ]


class RunFolder:
    """Where a run keeps what it must not lose.

    Parameters
    ----------
    path : Path
        Created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.log = path / "log.csv"
        self.state = path / "state.pt"

    def append(self, entry: Entry) -> None:
        """Add a line to ``log.csv``."""
        append_entry(self.log, entry)

    def entries(self) -> list[Entry]:
        """The log so far."""
        return read_log(self.log)

    def go_back(self, iteration: int) -> None:
        """Let ``log.csv`` end with the state of so many steps: a stopped run may have logged more than it saved."""
        cut_log(self.log, iteration)

    def save_state(self, state: dict[str, Any]) -> None:
        """Write ``state.pt`` whole or not at all."""
        part = self.state.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.state)

    def load_state(self) -> dict[str, Any]:
        """What `save_state` wrote.

        Raises
        ------
        RecipeError
            If there is nothing to resume from.
        """
        if not self.state.exists():
            raise RecipeError(f"{self.path}: no state.pt to resume from; start without --resume")
        state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
        return state

    def save_weights(self, name: str, network: nn.Module, recipe: Recipe, entry: Entry) -> Path:
        """Write ``<model>-x<scale>-<name>.safetensors``, train form, with what a loader must know."""
        path = self.path / f"{recipe.name}-{name}.safetensors"
        save_network(
            path,
            network,
            architecture=recipe.model.architecture,
            config={"scale": recipe.model.scale, **recipe.model.config},
            value_range=1.0,
            color=recipe.model.color,
            iterations=entry.iteration,
            validation_psnr=round(entry.psnr, 4),
        )
        return path

    def draw_curve(self) -> None:
        """Draw ``curve.svg`` from the log; skipped where matplotlib is not installed."""
        with contextlib.suppress(ImportError):
            from napari_sr.training._curve import draw

            draw(self.entries(), self.path / "curve.svg")
