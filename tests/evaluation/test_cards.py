"""Measured scores are those that the models' cards state."""

from __future__ import annotations

import pytest

from napari_sr._files import sha256
from napari_sr.evaluation import evaluate
from napari_sr.models import find_card, is_bundled, list_models, load_model

QUICK = 200_000
"""Most parameters of bundled models that are tested: Set5 takes a second or two with so many."""
QUICKEST = 10_000
"""Most parameters of published models that are tested: these are many."""
CLAIMS = [
    (card.id, checkpoint.scale, name)
    for card in list_models()
    for checkpoint in card.checkpoints
    for name in checkpoint.scores
    if name == "Set5" and (checkpoint.parameters or 0) <= (QUICK if is_bundled(card) else QUICKEST)
]


@pytest.fixture(scope="module")
def files(shared):
    """Official checkpoints by their SHA-256; the catalog knows them, but they are not downloaded."""
    return {sha256(path): path for path in (shared / "checkpoints").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("model", "scale", "name"), CLAIMS)
def test_scores_of_a_card_are_reproduced(shared, files, model, scale, name):
    card = find_card(model)
    checkpoint = card.checkpoint(scale)
    psnr, ssim = checkpoint.scores[name]
    loaded = load_model(model if is_bundled(card) else files[checkpoint.sha256])
    found = evaluate(loaded, shared / "data" / "benchmarks" / name / "HR", scale)
    assert found.psnr == pytest.approx(psnr, abs=0.005)
    assert found.ssim == pytest.approx(ssim, abs=0.0005)
