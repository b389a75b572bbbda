"""Take finished runs into the wheel: merge, store, measure, and write down what was measured.

    .venv/bin/python scripts/bundle_weights.py runs/ecbsr-x2 … --benchmarks ../shared/data/benchmarks

Runs that went on from one another are named together, first to last: ``runs/ecbsr-x2,runs/ecbsr-second-x2``; the
last one's weights are taken, the log and the curve are those of all. Best weights are merged, stored as float16 if that
moves neither benchmark by 0.01 dB, measured on Set5 and Set14 through `napari_sr.evaluation`, and entered in
``catalog.toml``; the log and the curve go to ``docs/training``, the figures and the commands to TRAINING.md.
A model's card must already stand in the catalog, or in scripts/cards.toml. Weights that are worse on the held-out
images than those that ship are refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import tomlkit
import torch
from _training_record import commands, joined, read_recipes, runs_of
from safetensors import safe_open
from torch import nn

from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.errors import NapariSRError
from napari_sr.evaluation import evaluate
from napari_sr.models import load_model, save_network
from napari_sr.training._curve import draw
from napari_sr.training._run import RunFolder, append_entry, read_log

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src/napari_sr/weights"
LOGS = ROOT / "docs/training"
SETS = ("Set5", "Set14")
BEGIN = "<!-- results: written by scripts/bundle_weights.py -->"
END = "<!-- end of results -->"
BEGIN_COMMANDS = "<!-- commands: written by scripts/bundle_weights.py -->"
END_COMMANDS = "<!-- end of commands -->"
Scores = dict[str, tuple[float, float]]


def measure(path: Path, scale: int, benchmarks: Path) -> Scores:
    """PSNR and SSIM on each benchmark."""
    results = {name: evaluate(path, benchmarks / name / "HR", scale) for name in SETS}
    return {name: (round(r.psnr, 3), round(r.ssim, 4)) for name, r in results.items()}


def store(network: nn.Module, header: dict[str, str], target: Path, half: bool) -> None:
    """Write the merged network, in half precision where asked for."""
    architecture, config = registry.detect(network.state_dict())
    stored = network.half() if half else network.float()
    facts = {k: header[k] for k in ("iterations", "validation_psnr") if k in header}
    save_network(target, stored, architecture.id, config, color=header["color"], **facts)


def choose_precision(
    network: nn.Module, header: dict[str, str], target: Path, scale: int, benchmarks: Path
) -> Scores:
    """Store in float16 if the benchmarks do not notice, else in float32."""
    store(network, header, target, half=False)
    full = measure(target, scale, benchmarks)
    store(network, header, target, half=True)
    half = measure(target, scale, benchmarks)
    if max(abs(full[name][0] - half[name][0]) for name in SETS) < 0.01:
        return half
    store(network.float(), header, target, half=False)
    return full


def enter(model: str, entry: dict[str, Any]) -> None:
    """Put one checkpoint into the model's card."""
    path = WEIGHTS / "catalog.toml"
    catalog = tomlkit.parse(path.read_text(encoding="utf-8"))
    card = next((c for c in catalog["model"] if c["id"] == model), None)
    if card is None:
        catalog["model"].append(new_card(model))
        card = catalog["model"][-1]
    others = [dict(c) for c in card.get("checkpoint", []) if c["scale"] != entry["scale"]]
    tables = tomlkit.aot()
    for row in sorted([*others, entry], key=lambda row: row["scale"]):
        tables.append(tomlkit.item(row))
    card["checkpoint"] = tables
    # tomlkit adds an empty line before each checkpoint every time
    text = re.sub(r"\n{3,}", "\n\n", tomlkit.dumps(catalog))
    path.write_text(text, encoding="utf-8")


def new_card(model: str) -> Any:
    """Card of a model that enters the catalog, without checkpoints."""
    waiting = tomlkit.parse((ROOT / "scripts/cards.toml").read_text(encoding="utf-8"))
    card = next((c for c in waiting.get("model", []) if c["id"] == model), None)
    if card is None:
        sys.exit(f"{model}: write its card in scripts/cards.toml first")
    return card


def shipped_psnr(target: Path) -> float:
    """Held-out PSNR of the weights that ship now."""
    if not target.exists():
        return float("-inf")
    with safe_open(target, "pt") as file:
        return float((file.metadata() or {}).get("validation_psnr", "-inf"))


def bundle(runs: list[Path], benchmarks: Path, anyway: bool = False) -> None:
    """Take in the last of some runs that went on from one another; ``anyway``: be it worse on the held-out images."""
    best = next(runs[-1].glob("*-best.safetensors"))
    name = best.name.removesuffix("-best.safetensors")
    model, _, scale = name.rpartition("-x")
    target = WEIGHTS / f"{name}.safetensors"
    with safe_open(best, "pt") as file:
        header = file.metadata()
    if not anyway and float(header["validation_psnr"]) <= shipped_psnr(target):
        print(f"{name}: what ships is as good; left as it is")
        return
    network = load_model(best).network(int(scale))
    scores = choose_precision(network, header, target, int(scale), benchmarks)
    network = load_model(target).network(int(scale))
    enter(
        model,
        {
            "scale": int(scale),
            "file": target.name,
            "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
            "size": target.stat().st_size,
            "parameters": sum(p.numel() for p in network.parameters()),
            **({"halo": h} if (h := halo(network)) is not None else {}),
            "scores": {k: list(v) for k, v in scores.items()},
        },
    )
    keep_log(name, runs)
    print(name, json.dumps(scores))


def keep_log(name: str, runs: list[Path]) -> None:
    """Log of all runs that led to the weights."""
    known = len(runs_of(name, read_recipes()))
    if len(runs) < known:
        print(f"{name}: the log is of {len(runs)} run(s), the recipes are {known}")
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.csv"
    log.unlink(missing_ok=True)
    for entry in joined([RunFolder(run).entries() for run in runs]):
        append_entry(log, entry)


def write_results() -> None:
    """Bring the tables of TRAINING.md up to date with the catalog, the logs and the recipes."""
    rows = [
        "| weights | parameters | iterations | hours | Set5 PSNR / SSIM | Set14 PSNR / SSIM | curve |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    rows += [
        _row(checkpoint)
        for card in tomlkit.parse((WEIGHTS / "catalog.toml").read_text(encoding="utf-8"))["model"]
        for checkpoint in card["checkpoint"]
        if checkpoint.get("file")
    ]
    path = WEIGHTS / "TRAINING.md"
    text = between(path.read_text(encoding="utf-8"), BEGIN, END, "\n".join(rows))
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]]
    section = commands(names, read_recipes())
    path.write_text(between(text, BEGIN_COMMANDS, END_COMMANDS, section), encoding="utf-8")


def between(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two marks replaced."""
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{new}\n{end}{rest.partition(end)[2]}"


def _row(checkpoint: dict[str, Any]) -> str:
    name = checkpoint["file"].removesuffix(".safetensors")
    entries = read_log(LOGS / f"{name}.csv")
    draw(entries, LOGS / f"{name}.svg")
    scores = " | ".join("{:.2f} / {:.4f}".format(*checkpoint["scores"][each]) for each in SETS)
    size, steps, hours = checkpoint["parameters"], entries[-1].iteration, entries[-1].seconds / 3600
    curve = f"[{name}](../../../docs/training/{name}.svg)"
    return f"| {name} | {size:,} | {steps:,} | {hours:.1f} | {scores} | {curve} |"


def main() -> None:
    """Take in the runs that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="*", help="folders; none: write TRAINING.md again")
    parser.add_argument(
        "--benchmarks", type=Path, required=True, help="folder with Set5/HR and Set14/HR"
    )
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="even if the held-out images speak for what ships; say why in TRAINING.md",
    )
    args = parser.parse_args()
    for run in args.runs:
        try:
            bundle([Path(part) for part in run.split(",")], args.benchmarks, args.anyway)
        except NapariSRError as error:
            sys.exit(f"{run}: {error}")
    write_results()


if __name__ == "__main__":
    with torch.inference_mode():
        main()
