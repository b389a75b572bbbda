"""Add the results of training runs to the package: merge, store, measure, and write down the scores.

    .venv/bin/python scripts/bundle_weights.py runs/ecbsr-x2 … --benchmarks ../shared/data/benchmarks

The best weights of a run are merged, stored as float16 if that changes neither benchmark by 0.01 dB, measured on Set5
and Set14 by `napari_sr.evaluation`, and entered in ``catalog.toml``. The log and the learning curve go to
``docs/training``, the table of scores to TRAINING.md. The model's card must be in the catalog, or in
scripts/cards.toml. Weights that are worse on the held-out images than the bundled ones are refused.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import tomlkit  # keeps comments and layout of the catalog, which is also edited by hand
import torch
from _training_record import BEGIN, END, SETS, replace_between, results_table
from safetensors import safe_open
from torch import nn

from napari_sr._files import sha256
from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.errors import NapariSRError
from napari_sr.evaluation import evaluate
from napari_sr.models import load_model, save_network
from napari_sr.training import RunFolder, draw_curve, read_log

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src/napari_sr/weights"
LOGS = ROOT / "docs/training"
MAX_LOSS = 0.01
"""Change of PSNR in dB up to which weights are stored as float16: the last digit that papers print."""
Scores = dict[str, tuple[float, float]]


def measure(path: Path, scale: int, benchmarks: Path) -> Scores:
    """PSNR and SSIM on each benchmark."""
    results = {name: evaluate(path, benchmarks / name / "HR", scale) for name in SETS}
    return {name: (round(r.psnr, 3), round(r.ssim, 4)) for name, r in results.items()}


def store(network: nn.Module, header: dict[str, str], target: Path, half: bool) -> None:
    """Write the merged network, in half precision or not."""
    architecture, config = registry.detect(network.state_dict())
    stored = network.half() if half else network.float()
    facts = {k: header[k] for k in ("iterations", "validation_psnr") if k in header}
    save_network(target, stored, architecture.id, config, color=header["color"], **facts)


def choose_precision(
    network: nn.Module, header: dict[str, str], target: Path, scale: int, benchmarks: Path
) -> Scores:
    """Store in float16 if that does not change the benchmarks, else in float32."""
    store(network, header, target, half=False)
    full = measure(target, scale, benchmarks)
    store(network, header, target, half=True)
    half = measure(target, scale, benchmarks)
    if max(abs(full[name][0] - half[name][0]) for name in SETS) < MAX_LOSS:
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
    """Card of a model that is not in the catalog yet."""
    waiting = tomlkit.parse((ROOT / "scripts/cards.toml").read_text(encoding="utf-8"))
    card = next((c for c in waiting.get("model", []) if c["id"] == model), None)
    if card is None:
        sys.exit(f"{model}: write its card in scripts/cards.toml first")
    return card


def bundled_psnr(target: Path) -> float:
    """Held-out PSNR of the weights that are bundled now."""
    if not target.exists():
        return float("-inf")
    with safe_open(target, "pt") as file:
        return float((file.metadata() or {}).get("validation_psnr", "-inf"))


def bundle(run: Path, benchmarks: Path, anyway: bool = False) -> None:
    """Add the best weights of a run; with ``anyway`` even if they are worse on the held-out images."""
    best = next(run.glob("*-best.safetensors"))
    name = best.name.removesuffix("-best.safetensors")
    model, _, scale = name.rpartition("-x")
    target = WEIGHTS / f"{name}.safetensors"
    with safe_open(best, "pt") as file:
        header = file.metadata()
    if not anyway and float(header["validation_psnr"]) <= bundled_psnr(target):
        print(f"{name}: the bundled weights are as good; nothing changed")
        return
    network = load_model(best).network(int(scale))
    scores = choose_precision(network, header, target, int(scale), benchmarks)
    network = load_model(target).network(int(scale))
    enter(
        model,
        {
            "scale": int(scale),
            "file": target.name,
            "sha256": sha256(target),
            "size": target.stat().st_size,
            "parameters": sum(p.numel() for p in network.parameters()),
            **({"halo": h} if (h := halo(network)) is not None else {}),
            "scores": {k: list(v) for k, v in scores.items()},
        },
    )
    LOGS.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(RunFolder(run).log, LOGS / f"{name}.csv")
    print(name, json.dumps(scores))


def write_results() -> None:
    """Update the table of TRAINING.md and the learning curves."""
    for log in LOGS.glob("*.csv"):
        draw_curve(read_log(log), log.with_suffix(".svg"))
    path = WEIGHTS / "TRAINING.md"
    table = results_table(WEIGHTS / "catalog.toml", LOGS)
    path.write_text(
        replace_between(path.read_text(encoding="utf-8"), BEGIN, END, table), encoding="utf-8"
    )


def main() -> None:
    """Add the runs that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="*", type=Path, help="folders; none: only write TRAINING.md")
    parser.add_argument("--benchmarks", type=Path, help="folder with Set5/HR and Set14/HR")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="even if they are worse on the held-out images; say why in docs/research/training.md",
    )
    args = parser.parse_args()
    if args.runs and not args.benchmarks:
        parser.error("--benchmarks is needed to measure runs")
    for run in args.runs:
        try:
            bundle(run, args.benchmarks, args.anyway)
        except NapariSRError as error:
            sys.exit(f"{run}: {error}")
    write_results()


if __name__ == "__main__":
    with torch.inference_mode():
        main()
