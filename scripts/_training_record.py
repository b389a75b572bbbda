"""How bundled weights came about, as TRAINING.md tells it: which recipes one after the other, by which commands.

The recipe of a first run is called as the weights (``ecbsr-x4``); later runs of the same network have an ordinal
(``ecbsr-second-x4``) and go on from the run before. A first run may start from another scale's or model's weights.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sr.training._run import Entry

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "src/napari_sr/training/recipes"
ORDINALS = ("", "second-", "third-", "fourth-", "fifth-", "sixth-", "seventh-", "eighth-")
FROM_AN_EARLIER_RUN = {
    "ecbsr-x4": "ecbsr-x2",
    "mspn-sixth-x2": "mspn-fourth-x2",
    "mspn-x3": "mspn-x2",
    "mspn-microscopy-x4": "mspn-x4",
    "bsrn-x4": "bsrn-x2",
    "reprfn-x4": "reprfn-x2",
    "rfdn-x4": "rfdn-second-x2",
    "rlfn-x4": "rlfn-third-x2",
}
"""Recipes that started before the weights they name were trained further: recipe to the run that they started from."""
ON_A_GPU = {"mspn-second-x2", "mspn-fourth-x4"}
"""Recipes of large batches: minutes there, many hours on a processor."""
FOLDERS = {
    "train_photos": "PHOTOS",
    "train_wide": "WIDE",
    "train_leaves": "LEAVES",
    "train_microscopy": "MICROSCOPY",
}

Recipes = dict[str, dict[str, Any]]


def read_recipes(folder: Path = RECIPES) -> Recipes:
    """All recipes that ship, by file name without suffix."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.toml")
    }


def runs_of(weights: str, recipes: Recipes) -> list[str]:
    """Recipes of these weights alone, first to last."""
    model, _, scale = weights.rpartition("-x")
    names = (f"{model}-{ordinal}x{scale}" for ordinal in ORDINALS)
    return [name for name in names if name in recipes]


def chain(weights: str, recipes: Recipes) -> list[str]:
    """All recipes that lead to these weights, in the order to be run; empty where none is known."""
    own = runs_of(weights, recipes)
    if not own:
        return []
    start = _start(own[0], recipes)
    before = [] if start is None else chain(start, recipes)
    if earlier := FROM_AN_EARLIER_RUN.get(own[0]):
        before = before[: before.index(earlier) + 1]
    for name in own:
        for run in filter(None, (_run_of(each, recipes) for each in _teachers(name, recipes))):
            before += chain(run, recipes)
    return list(dict.fromkeys([*before, *own]))


def command(name: str, recipes: Recipes) -> str:
    """What starts the run of one recipe."""
    recipe = recipes[name]
    data = recipe["data"]["train"]
    parts = [f"napari-sr train {name} -o runs/{name} --data {FOLDERS.get(data, data)}"]
    if (before := _before(name, recipes)) is not None:
        parts.append(f"--init runs/{before}/{recipe['model']['init']}")
    parts += [f"--init runs/{each}" for each in recipe["model"].get("mean_with", ())]
    if name in ON_A_GPU:
        parts.append("--device cuda")
    teachers = _teachers(name, recipes)
    # Ids of the catalog serve as the recipe has them; files lie elsewhere on each machine.
    if any(Path(each).suffix for each in teachers):
        parts += [f"--teacher {_teacher(each, recipes)}" for each in teachers]
    return " \\\n        ".join(parts)


def commands(weights: list[str], recipes: Recipes) -> str:
    """The section of TRAINING.md: the chain of each of the weights, and every command once."""
    lines = ["| weights | recipes, one after the other |", "|---|---|"]
    chains = {name: chain(name, recipes) for name in weights}
    lines += [f"| {name} | {' → '.join(runs)} |" for name, runs in chains.items()]
    lines += ["", *(f"    {command(run, recipes)}" for run in _each_once(chains))]
    for name in weights:
        own = ",".join(f"runs/{run}" for run in runs_of(name, recipes))
        lines.append(f"    python scripts/bundle_weights.py {own} --benchmarks BENCHMARKS")
    return "\n".join(lines)


def joined(logs: list[list[Entry]]) -> list[Entry]:
    """Logs of runs one after the other as one log, iterations and seconds counted through."""
    whole: list[Entry] = []
    for log in logs:
        last = whole[-1] if whole else Entry(0, 0.0, 0.0, 0.0, 0.0)
        whole += [
            replace(
                entry,
                iteration=last.iteration + entry.iteration,
                seconds=last.seconds + entry.seconds,
            )
            for entry in log
        ]
    return whole


def _each_once(chains: dict[str, list[str]]) -> list[str]:
    return list(dict.fromkeys(run for runs in chains.values() for run in runs))


def _teachers(name: str, recipes: Recipes) -> list[str]:
    return list(recipes[name].get("distillation", {}).get("teachers", ()))


def _run_of(teacher: str, recipes: Recipes) -> str | None:
    """The recipe whose run made a teacher, if it was one of these."""
    run = Path(teacher).parent.name
    return run if run in recipes else None


def _teacher(name: str, recipes: Recipes) -> str:
    if _run_of(name, recipes):
        return f"runs/{name}"
    return f"CHECKPOINTS/{Path(name).name}" if Path(name).suffix else name


def _start(name: str, recipes: Recipes) -> str | None:
    """Weights that a recipe starts from."""
    init = recipes[name]["model"].get("init")
    return None if init is None else str(init).removesuffix("-best.safetensors")


def _before(name: str, recipes: Recipes) -> str | None:
    """The run that a recipe goes on from."""
    start = _start(name, recipes)
    if start is None:
        return None
    if name in FROM_AN_EARLIER_RUN:
        return FROM_AN_EARLIER_RUN[name]
    runs = runs_of(start, recipes)
    return runs[runs.index(name) - 1] if name in runs else runs[-1]
