"""The table of TRAINING.md: what each bundled model was trained on, for how long, and how good it is.

Everything in it is read: the catalog has parameters and scores, ``docs/training`` the logs, the recipes the images.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from napari_sr.training import read_log, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

SETS = ("Set5", "Set14")
"""Benchmarks of the table, whose scores are in the catalog."""
BEGIN, END = "<!-- results: written by scripts/bundle_weights.py -->", "<!-- end of results -->"
"""Lines of TRAINING.md between which the table stands."""
HEADINGS = ("weights", "images", "after", "parameters", "steps", "hours", *SETS, "curve")
"""Columns: `after` names the weights that a recipe starts from or learns from."""


def results_table(catalog: Path, logs: Path) -> str:
    """Write the table.

    Parameters
    ----------
    catalog : Path
        The catalog of the bundled models.
    logs : Path
        Folder with ``<weights>.csv``, the joined log of all phases.

    Returns
    -------
    str
        A Markdown table, one row for each file of weights, in the order of the catalog.
    """
    rows = [HEADINGS, ("---",) * len(HEADINGS)]
    for card in tomllib.loads(catalog.read_text(encoding="utf-8"))["model"]:
        for checkpoint in card["checkpoint"]:
            if not checkpoint.get("file"):
                continue
            name = checkpoint["file"].removesuffix(".safetensors")
            recipe, last = read_recipe(name), read_log(logs / f"{name}.csv")[-1]
            images = dict.fromkeys(phase.data.train.name for phase in recipe.phases)
            scores = ("{:.2f} / {:.4f}".format(*checkpoint["scores"][each]) for each in SETS)
            rows.append(
                (
                    name,
                    ", ".join(each.removeprefix("train_") for each in images),
                    ", ".join(recipe.requires) or "–",
                    f"{checkpoint['parameters']:,}",
                    f"{last.iteration:,}",
                    f"{last.seconds / 3600:.1f}",
                    *scores,
                    f"[curve](../../../docs/training/{name}.svg)",
                )
            )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def replace_between(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two lines replaced."""
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{new}\n{end}{rest.partition(end)[2]}"
