"""Make the cards of the official checkpoints, of which napari-sr ships none, from a list of them.

    .venv/bin/python scripts/make_official_catalog.py ../shared/checkpoints/INDEX.tsv
    .venv/bin/python scripts/make_official_catalog.py INDEX.tsv --benchmarks ../shared/data/benchmarks [--only ID ...]

The list has a line for each file: network, scale, bytes, sha256, license, url, in_shared_checkpoints. What it does not
say of a model stands in official_cards.toml; its citation, in the register of architectures. Checkpoints that lie in
folders beside the list are counted; with ``--benchmarks`` (folders Set5/HR and Set14/HR) they are measured, too, and
scores of the others are left out: nothing in the catalog is copied from a paper. ``--only`` measures these models and
keeps the scores that the others have.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sr.architectures import registry
from napari_sr.evaluation import evaluate
from napari_sr.models import Checkpoint, ModelCard, load_model
from napari_sr.models._catalog import read_catalog, to_toml

ROOT = Path(__file__).resolve().parents[1]
CATALOG = ROOT / "src/napari_sr/models/official.toml"
HEAD = "# Official checkpoints, by the user's own download. Written by scripts/make_official_catalog.py.\n\n"
SETS = ("Set5", "Set14")


def make_card(facts: dict[str, Any], rows: dict[str, dict[str, str]]) -> ModelCard:
    """Card of one model out of its facts and the lines of its files."""
    files = [rows[name] for name in facts.pop("files")]
    architecture = registry.get(facts["architecture"])
    (license_id,) = {row["licence"] for row in files}
    return ModelCard(
        **facts,
        group="Published",
        license=license_id,
        paper=f"{architecture.paper}. {architecture.url}",
        checkpoints=tuple(make_checkpoint(facts["id"], row) for row in files),
    )


def make_checkpoint(model: str, row: dict[str, str]) -> Checkpoint:
    """One file of the list."""
    return Checkpoint(
        scale=int(row["scale"]),
        file=f"{model}-x{row['scale']}{Path(row['url']).suffix}",
        sha256=row["sha256"],
        url=row["url"],
        size=int(row["bytes"]),
    )


def look(
    card: ModelCard, path: Path, benchmarks: Path | None, old: Checkpoint | None
) -> Checkpoint:
    """Count, and perhaps measure, a checkpoint that lies here; the card must be right about it."""
    model = load_model(path, value_range=card.value_range, color=card.color)
    (found,) = model.card.checkpoints
    checkpoint = card.checkpoint(found.scale)
    if (found.sha256, found.size) != (checkpoint.sha256, checkpoint.size):
        sys.exit(f"{path}: is not the file of the list")
    scores = old.scores if old else {}
    if benchmarks:
        results = {name: evaluate(model, benchmarks / name / "HR", found.scale) for name in SETS}
        scores = {name: (round(r.psnr, 3), round(r.ssim, 4)) for name, r in results.items()}
        print(card.id, found.scale, scores, flush=True)
    return replace(
        checkpoint, parameters=found.parameters, halo=model.halo(found.scale), scores=scores
    )


def with_what_is_here(
    card: ModelCard, here: dict[str, Path], benchmarks: Path | None, old: ModelCard | None
) -> ModelCard:
    """Fill in what can be found out from the files beside the list."""

    def before(scale: int) -> Checkpoint | None:
        return old.checkpoint(scale) if old and scale in old.scales else None

    return replace(
        card,
        checkpoints=tuple(
            look(card, here[each.sha256], benchmarks, before(each.scale))
            if each.sha256 in here
            else each
            for each in card.checkpoints
        ),
    )


def main() -> None:
    """Read the list, write the catalog."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("index", type=Path)
    parser.add_argument("--benchmarks", type=Path, help="folder with Set5/HR and Set14/HR")
    parser.add_argument("--only", nargs="+", metavar="ID", help="models to measure; default: all")
    args = parser.parse_args()
    with open(args.index, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    rows = {row["url"].rpartition("/")[2]: row for row in lines}
    lying = {path.name: path for path in args.index.parent.rglob("*") if path.is_file()}
    here = {
        row["sha256"]: lying[name]
        for row in lines
        if (name := (row["in_shared_checkpoints"] or "").rpartition("/")[2]) in lying
    }
    facts = tomllib.loads((ROOT / "scripts/official_cards.toml").read_text(encoding="utf-8"))
    old = {card.id: card for card in read_catalog(CATALOG)} if CATALOG.is_file() else {}
    cards = [make_card(each, rows) for each in facts["model"]]
    CATALOG.write_text(HEAD + to_toml(cards), encoding="utf-8")  # load_model reads it
    cards = [
        with_what_is_here(
            card,
            here,
            args.benchmarks if not args.only or card.id in args.only else None,
            old.get(card.id),
        )
        for card in cards
    ]
    CATALOG.write_text(HEAD + to_toml(cards), encoding="utf-8")


if __name__ == "__main__":
    main()
