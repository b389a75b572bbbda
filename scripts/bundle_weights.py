"""Take finished runs into the wheel: merge, store, measure, and write down what was measured.

    .venv/bin/python scripts/bundle_weights.py runs/ecbsr-x2 … --benchmarks ../shared/data/benchmarks

A run's best weights are merged, stored as float16 if that moves neither benchmark by 0.01 dB, measured on Set5 and
Set14 through `napari_sr.evaluation`, and entered in ``catalog.toml``; the log and the curve go to ``docs/training``.
A model's card must already stand in the catalog, or in scripts/cards.toml. Weights that are worse on the held-out
images than those that ship are refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import tomlkit
import torch
from safetensors import safe_open
from torch import nn

from napari_sr.architectures import registry
from napari_sr.architectures.receptive_field import halo
from napari_sr.errors import NapariSRError
from napari_sr.evaluation import evaluate
from napari_sr.models import load_model, save_network
from napari_sr.training._run import RunFolder

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src/napari_sr/weights"
SETS = ("Set5", "Set14")
BEGIN = "<!-- results: written by scripts/bundle_weights.py -->"
END = "<!-- end of results -->"
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
    save_network(target, stored, architecture.id, config, colour=header["colour"], **facts)


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
    path.write_text(tomlkit.dumps(catalog), encoding="utf-8")


def new_card(model: str) -> Any:
    """Card of a model that enters the catalog, without checkpoints."""
    cards = tomlkit.parse((ROOT / "scripts/cards.toml").read_text(encoding="utf-8"))["model"]
    card = next((c for c in cards if c["id"] == model), None)
    if card is None:
        sys.exit(f"{model}: write its card in scripts/cards.toml first")
    return card


def shipped_psnr(target: Path) -> float:
    """Held-out PSNR of the weights that ship now."""
    if not target.exists():
        return float("-inf")
    with safe_open(target, "pt") as file:
        return float((file.metadata() or {}).get("validation_psnr", "-inf"))


def bundle(run: Path, benchmarks: Path) -> None:
    """Take one run in."""
    best = next(run.glob("*-best.safetensors"))
    name = best.name.removesuffix("-best.safetensors")
    model, _, scale = name.rpartition("-x")
    target = WEIGHTS / f"{name}.safetensors"
    with safe_open(best, "pt") as file:
        header = file.metadata()
    if float(header["validation_psnr"]) <= shipped_psnr(target):
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
    log = ROOT / "docs/training"
    log.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "log.csv", log / f"{name}.csv")
    RunFolder(run).draw_curve()
    shutil.copy(run / "curve.svg", log / f"{name}.svg")
    print(name, json.dumps(scores))


def write_results() -> None:
    """Bring the table of TRAINING.md up to date with the catalog and the logs."""
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
    head, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    path.write_text(
        f"{head}{BEGIN}\n{chr(10).join(rows)}\n{END}{rest.partition(END)[2]}", encoding="utf-8"
    )


def _row(checkpoint: dict[str, Any]) -> str:
    name = checkpoint["file"].removesuffix(".safetensors")
    last = (
        (ROOT / f"docs/training/{name}.csv").read_text(encoding="utf-8").splitlines()[-1].split(",")
    )
    scores = " | ".join("{:.2f} / {:.4f}".format(*checkpoint["scores"][each]) for each in SETS)
    size, steps, hours = checkpoint["parameters"], int(float(last[0])), float(last[1]) / 3600
    curve = f"[{name}](../../../docs/training/{name}.svg)"
    return f"| {name} | {size:,} | {steps:,} | {hours:.1f} | {scores} | {curve} |"


def main() -> None:
    """Take in the runs that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument(
        "--benchmarks", type=Path, required=True, help="folder with Set5/HR and Set14/HR"
    )
    args = parser.parse_args()
    for run in args.runs:
        try:
            bundle(run, args.benchmarks)
        except NapariSRError as error:
            sys.exit(f"{run}: {error}")
    write_results()


if __name__ == "__main__":
    with torch.inference_mode():
        main()
