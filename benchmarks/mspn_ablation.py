"""Ablation of MSPN: variants and other networks, trained with one recipe for the same time.

    python benchmarks/mspn_ablation.py ../shared/data --minutes 10 --only mspn bsrn rfdn

The speed of each variant is measured in a few steps; then it is trained for as many iterations as fit into the minutes
of processor time, with one cosine schedule. Set5 and Set14 are measured by `napari_sr.evaluation`. Results are written
to a CSV file.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from pathlib import Path

import torch

from napari_sr.evaluation import evaluate
from napari_sr.training import (
    DataRecipe,
    ModelRecipe,
    OptimizationRecipe,
    Phase,
    RunFolder,
    ScheduleRecipe,
    Stage,
    Trainer,
    TrainingData,
    read_images,
)

MSPN = {"channels": 48, "blocks": 4}
"""Configuration of the bundled networks."""
FIRST = {**MSPN, "dilated": "full", "blueprint": True}
"""First design: dilated convolutions at full width, pointwise and depthwise."""
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "mspn": ("mspn", MSPN),
    "mspn, dilated at full width (first design)": ("mspn", FIRST),
    "mspn without dilation": ("mspn", {**MSPN, "dilated": "none"}),
    "mspn with blueprint": ("mspn", {**MSPN, "blueprint": True}),
    "mspn, parameter-free attention": ("mspn", {**MSPN, "attention": "free"}),
    "mspn, pixel attention": ("mspn", {**MSPN, "attention": "pixel"}),
    "mspn, large kernel": ("mspn", {**MSPN, "attention": "large"}),
    "mspn 32 x 8": ("mspn", {"channels": 32, "blocks": 8}),
    "mspn, each block twice": ("mspn", {**MSPN, "passes": 2}),
    "without biases": ("mspn-equivariant", MSPN),
    "without biases, 32 wide": ("mspn-equivariant", {"channels": 32, "blocks": 4}),
    "without biases, 32 wide, no dilation": (
        "mspn-equivariant",
        {"channels": 32, "blocks": 4, "steps": 4, "narrow": 0},
    ),
    "without biases, 48 wide, no dilation": (
        "mspn-equivariant",
        {"channels": 48, "blocks": 1, "steps": 7, "narrow": 0},
    ),
    "bsrn": ("bsrn", {}),
    "rfdn": ("rfdn", {}),
}


def phase_for(name: str, iterations: int, args: argparse.Namespace) -> Phase:
    """The same training for any network."""
    architecture, config = VARIANTS[name]
    return Phase(
        model=ModelRecipe(
            "".join(c if c.isalnum() else "-" for c in name),
            architecture,
            args.scale,
            dict(config),
            "RGB",
        ),
        data=DataRecipe(train=args.data / "train_photos"),
        stage=(Stage(iterations, patch=32, batch=16),),
        schedule=ScheduleRecipe(lr=args.lr, lr_min=1e-6, warmup=100),
        optimization=OptimizationRecipe(
            validate_every=iterations,
            clip=0.5,
            precision=args.precision,
            optimizer=args.optimizer,
        ),
    )


def seconds_per_step(
    name: str, data: tuple[TrainingData, TrainingData], args: argparse.Namespace
) -> float:
    """Median of a few steps."""
    trainer = Trainer(phase_for(name, 1000, args), *data, torch.device("cpu"))
    took = []
    for _ in range(15):
        start = time.process_time()
        trainer.step()
        took.append(time.process_time() - start)
    return sorted(took)[len(took) // 2]


def measure(
    name: str, data: tuple[TrainingData, TrainingData], args: argparse.Namespace
) -> dict[str, object]:
    """Train one variant for the minutes and measure it."""
    iterations = int(args.minutes * 60 / seconds_per_step(name, data, args))
    phase = phase_for(name, iterations, args)
    trainer = Trainer(phase, *data, torch.device("cpu"))
    while trainer.iteration < iterations:
        loss = trainer.step()
        if trainer.iteration % 200 == 0:
            print(f"{name}: {trainer.iteration} of {iterations}, loss {loss:.5f}", flush=True)
    entry = trainer.validate(0.0)
    run = RunFolder(args.out / phase.model.id)
    path = run.path / f"{phase.weights_name}-last.safetensors"
    run.save_weights(path, trainer.average.module, phase, entry)
    row: dict[str, object] = {
        "variant": name,
        "scale": args.scale,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        **{
            k: v
            for k, v in dataclasses.asdict(entry).items()
            if k in ("iteration", "seconds", "psnr")
        },
    }
    for benchmark in ("Set5", "Set14"):
        row[benchmark] = evaluate(
            path, args.data / "benchmarks" / benchmark / "HR", args.scale
        ).psnr
    return row


def main() -> None:
    """Run the variants that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train_photos and benchmarks")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("--optimizer", choices=["adam", "soap"], default="soap")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS))
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    images = read_images(args.data / "train_photos", "RGB")
    data = (
        TrainingData(images[30:], args.scale, "RGB"),
        TrainingData(images[:30:2], args.scale, "RGB"),
    )
    for name in args.only:
        row = measure(name, data, args)
        print(row, flush=True)
        table = args.out / "ablation.csv"
        new = not table.exists()
        with table.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)


if __name__ == "__main__":
    main()
