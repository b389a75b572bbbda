"""TRAINING.md has the scores of all bundled weights, and each has a log and a learning curve."""

from __future__ import annotations

from pathlib import Path

import pytest
from _training_record import BEGIN, END, replace_between, results_table

from napari_sr.models import is_bundled, list_models
from napari_sr.training import read_log

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS, LOGS = ROOT / "src/napari_sr/weights", ROOT / "docs/training"
BUNDLED = sorted(
    each.file.removesuffix(".safetensors")
    for card in list_models()
    if is_bundled(card)
    for each in card.checkpoints
    if each.file
)


def test_results_are_up_to_date():
    """`python scripts/bundle_weights.py` writes them."""
    text = (WEIGHTS / "TRAINING.md").read_text(encoding="utf-8")
    table = results_table(WEIGHTS / "catalog.toml", LOGS)
    assert replace_between(text, BEGIN, END, table) == text
    rows = table.splitlines()[2:]
    assert sorted(row.split(" | ")[0].removeprefix("| ") for row in rows) == BUNDLED


def test_rows_name_images_weights_to_start_from_and_length():
    (row,) = (
        line.split(" | ")
        for line in results_table(WEIGHTS / "catalog.toml", LOGS).splitlines()
        if line.startswith("| mspn-microscopy-x4 ")
    )
    last = read_log(LOGS / "mspn-microscopy-x4.csv")[-1]
    assert row[1:3] == ["microscopy", "mspn-x4"]
    assert row[4:6] == [f"{last.iteration:,}", f"{last.seconds / 3600:.1f}"]


def test_only_the_text_between_the_marks_is_replaced():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_between(text, BEGIN, END, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


@pytest.mark.parametrize("name", BUNDLED)
def test_weights_have_a_log_and_a_small_curve(name):
    curve = LOGS / f"{name}.svg"
    assert curve.stat().st_size < 60_000
    assert read_log(curve.with_suffix(".csv"))


def test_every_log_belongs_to_bundled_weights():
    assert sorted(path.stem for path in LOGS.glob("*.csv")) == BUNDLED
