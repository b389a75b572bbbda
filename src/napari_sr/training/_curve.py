"""The curve of a run as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_sr.training._run import Entry


def draw(entries: Sequence[Entry], path: Path) -> None:
    """Draw held-out PSNR and learning rate against iterations.

    Parameters
    ----------
    entries : sequence of Entry
        The log; fewer than two draw nothing.
    path : Path
        An SVG file.
    """
    if len(entries) < 2:
        return
    # Letters as letters: half the size of letters as outlines.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "napari-sr"}):
        _drawn(entries).savefig(path, metadata={"Date": None})


def _drawn(entries: Sequence[Entry]) -> Figure:
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
