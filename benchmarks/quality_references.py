"""Figures of others on Set5 and what is asked of ours, from ``quality_references.tsv``.

Its columns: ``parameters`` of the network that has the figure ``psnr``; ``published``, what its paper says, where
``psnr`` is measured; ``within``, how far below ours may be (below what was published where that is known); ``least``, a
figure that ours must reach.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Reference:
    """What others give on Set5; None where nobody measured or nothing is asked."""

    parameters: int | None = None
    psnr: float | None = None
    published: float | None = None
    within: float | None = None
    least: float | None = None
    source: str = ""

    @property
    def asked(self) -> float | None:
        """PSNR that ours must reach."""
        known = self.psnr if self.published is None else self.published
        if self.within is None or known is None:
            return self.least
        return known - self.within


def read_references(file: Path = FILE) -> dict[tuple[str, int], Reference]:
    """All of them by model and scale."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t"))
    return {(row["model"], int(row["scale"])): _reference(row) for row in rows}


def _reference(row: dict[str, str]) -> Reference:
    numbers = {
        name: float(row[name]) for name in ("psnr", "published", "within", "least") if row[name]
    }
    size = int(row["parameters"]) if row["parameters"] else None
    return Reference(size, source=row["source"], **numbers)


def verdict(psnr: float, reference: Reference) -> list[str]:
    """Cells: reference, difference, what is asked, whether it is met.

    What is asked is compared as it is printed, in thousandths of a decibel.
    """
    cells = ["–", "–", "–", ""]
    if reference.psnr is not None:
        cells[:2] = [f"{reference.psnr:.3f}", f"{psnr - reference.psnr:+.3f}"]
    if reference.asked is not None:
        met = round(psnr, 3) >= round(reference.asked, 3)
        cells[2:] = [f"{reference.asked:.3f}", "met" if met else "**not met**"]
    return cells


def remark(parameters: int, reference: Reference) -> str:
    """Where the reference comes from, and whether its network has another size."""
    if not reference.source:
        return "nothing published for this size and scale"
    if reference.parameters in (None, parameters):
        return reference.source
    return f"{reference.source} ({reference.parameters:,} parameters)"
