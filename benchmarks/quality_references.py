"""Reference scores on Set5 and targets of the bundled models, from ``quality_references.tsv``.

Its columns: ``parameters`` of the network with the score ``psnr``; ``published``, the score in its paper if ``psnr``
was measured; ``within``, how far below the published or else the measured score a bundled model may be; ``least``, a
score that a bundled model must reach.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Reference:
    """Reference score on Set5 and target; None where not measured, or without a target."""

    parameters: int | None = None
    psnr: float | None = None
    published: float | None = None
    within: float | None = None
    least: float | None = None
    source: str = ""

    @property
    def asked(self) -> float | None:
        """Target PSNR of the bundled model."""
        known = self.psnr if self.published is None else self.published
        if self.within is None or known is None:
            return self.least
        return known - self.within


def read_references(file: Path = FILE) -> dict[tuple[str, int], Reference]:
    """All references by model and scale."""
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
    """Cells: reference, difference, target, whether it is met.

    The target is compared as it is printed, in thousandths of a decibel.
    """
    cells = ["–", "–", "–", ""]
    if reference.psnr is not None:
        cells[:2] = [f"{reference.psnr:.3f}", f"{psnr - reference.psnr:+.3f}"]
    if reference.asked is not None:
        met = round(psnr, 3) >= round(reference.asked, 3)
        cells[2:] = [f"{reference.asked:.3f}", "met" if met else "**not met**"]
    return cells


def remark(parameters: int, reference: Reference) -> str:
    """Source of the reference, and its number of parameters if that differs."""
    if not reference.source:
        return "nothing published for this size and scale"
    if reference.parameters in (None, parameters):
        return reference.source
    return f"{reference.source} ({reference.parameters:,} parameters)"
