"""Cost of every bundled and official model, as in the NTIRE challenges on efficient super-resolution.

    python benchmarks/cost_table.py [FOLDER] [--only WORD ...] [--repeats 5] [--output docs/costs.md]

FOLDER (default: ``../shared`` beside the checkout) contains ``checkpoints/`` with the official files; without it only
bundled models are measured. Rows are sorted by scale and multiply-adds.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from official_table import REFERENCES

from napari_sr import load_model
from napari_sr.evaluation import Footprint, footprint
from napari_sr.models import Model, is_bundled, list_models

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

HEAD = """# What the models cost

Written by `python benchmarks/cost_table.py` on a machine with {threads} CPU cores and no graphics card, PyTorch
{version}. As in the NTIRE challenges: a small image of 256 x 256 pixels, the network alone, merged, in float32.
FLOPs are multiply-adds (G) of convolutions and linear layers, activations the outputs of convolutions (M). Memory is
the most that weights and tensors hold at one time (MiB), which the tiles of the engine cut down; time that of the
quickest of {repeats} runs (ms), put before all other work of the machine (`chrt -f 10`). `napari-sr models info MODEL`
measures the same on your machine.

| model | scale | parameters | FLOPs (G) | activations (M) | memory (MiB) | time (ms) |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Row:
    """One model at one native scale."""

    name: str
    scale: int
    cost: Footprint

    def __str__(self) -> str:
        cost = self.cost
        cells = [
            self.name,
            f"x{self.scale}",
            f"{cost.parameters or 0:,}",
            f"{(cost.macs or 0) / 1e9:.3g}",
            f"{(cost.activations or 0) / 1e6:.3g}",
            "–" if cost.memory is None else f"{cost.memory / 2**20:.1f}",
            f"{1000 * cost.seconds:.3g}",
        ]
        return "| " + " | ".join(cells) + " |"


def models(folder: Path) -> Iterator[tuple[str, Model]]:
    """Bundled models, then official checkpoints."""
    for card in list_models():
        if is_bundled(card):
            yield f"`{card.id}`", load_model(card.id)
    for file, reference in REFERENCES.items():
        if (folder / "checkpoints" / file).is_file():
            yield f"{reference.name} `{Path(file).name}`", load_model(folder / "checkpoints" / file)


def main() -> None:
    """Measure, print each row when it is complete, and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", nargs="*", default=[""], help="words of names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "costs.md")
    arguments = parser.parse_args()
    rows = []
    for name, model in models(arguments.folder):
        if not any(word in name for word in arguments.only):
            continue
        for scale in model.scales:
            cost = footprint(model, scale, device="cpu", repeats=arguments.repeats)
            rows.append(Row(name, scale, cost))
            print(rows[-1], file=sys.stderr, flush=True)
    rows.sort(key=lambda row: (row.scale, row.cost.macs or 0))
    threads, version = torch.get_num_threads(), torch.__version__.partition("+")[0]
    head = HEAD.format(threads=threads, version=version, repeats=arguments.repeats)
    arguments.output.write_text("\n".join([head, *map(str, rows)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
