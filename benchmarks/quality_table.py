"""Quality of every bundled model at every scale, compared with measured or published scores.

    python benchmarks/quality_table.py [BENCHMARKS] [--only WORD ...] [--output docs/quality.md]

BENCHMARKS (default: ``../shared/data/benchmarks`` beside the checkout) contains ``Set5/HR`` and ``Set14/HR``. Scores
are those of `napari_sr.evaluate` and ``napari-sr evaluate``; references and their sources are in
``quality_references.tsv``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from quality_references import Reference, read_references, remark, verdict

from napari_sr import evaluate, list_models
from napari_sr.models import is_bundled

if TYPE_CHECKING:
    from napari_sr.evaluation import Evaluation
    from napari_sr.models import Checkpoint, ModelCard

ROOT = Path(__file__).resolve().parents[1]
SCALES = 2, 3, 4
"""Scales of the published tables."""

HEAD = """# How good the models are

Written by `python benchmarks/quality_table.py`. PSNR (dB) and SSIM of every bundled model by the protocol of the
papers, as `napari-sr evaluate` gives them: small images by MATLAB's bicubic, luma, a border of one scale left out. The
reference is what the file of a network's authors gives on the same images, or else what was published; for the same
number of parameters unless the table says another. Asked is what this project demands of its weights: a distance from
the reference (from the published figure for BSRN, RLFN, RFDN and IMDN), or for `mspn`, which nobody else has, a figure.

Models for microscopy are measured on microscope images: [microscopy](microscopy.md).

| model | scale | parameters | Set5 | Set14 | reference, Set5 | Δ | asked | | from |
|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """Measure, print each row when it is complete, and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = ROOT.parent / "shared" / "data" / "benchmarks"
    parser.add_argument("benchmarks", nargs="?", type=Path, default=default)
    parser.add_argument("--only", nargs="*", default=[""], help="words of ids")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "quality.md")
    arguments = parser.parse_args()
    references = read_references()
    lines = [HEAD]
    bundled = [each for each in list_models() if is_bundled(each) and each.group != "Microscopy"]
    for card in bundled:
        for checkpoint in card.checkpoints:
            if checkpoint.scale in SCALES and any(word in card.id for word in arguments.only):
                reference = references.get((card.id, checkpoint.scale), Reference())
                lines.append(row(card, checkpoint, reference, arguments.benchmarks))
                print(lines[-1], flush=True)
    there = {(card.id, each.scale) for card in bundled for each in card.checkpoints}
    lines += missing(list(references), there)
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def row(card: ModelCard, checkpoint: Checkpoint, reference: Reference, benchmarks: Path) -> str:
    """One model at one scale."""
    scale = checkpoint.scale
    print(f"{card.id} x{scale} …", file=sys.stderr, flush=True)
    five, fourteen = (evaluate(card.id, benchmarks / s / "HR", scale) for s in ("Set5", "Set14"))
    parameters = checkpoint.parameters or 0
    cells = [f"`{card.id}`", f"x{scale}", f"{parameters:,}", both(five), both(fourteen)]
    cells += [*verdict(five.psnr, reference), remark(parameters, reference)]
    return "| " + " | ".join(cells) + " |"


def both(measured: Evaluation) -> str:
    """Cell with PSNR and SSIM."""
    return f"{measured.psnr:.3f} / {measured.ssim:.4f}"


def missing(asked: list[tuple[str, int]], there: set[tuple[str, int]]) -> list[str]:
    """Remark on models with a reference but without weights."""
    names = [f"`{model}` x{scale}" for model, scale in asked if (model, scale) not in there]
    return ["", f"Not trained yet: {', '.join(names)}."] if names else []


if __name__ == "__main__":
    main()
