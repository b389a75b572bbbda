"""What the cards of bundled models claim is what is measured."""

from __future__ import annotations

import pytest

from napari_sr.evaluation import evaluate
from napari_sr.models import list_models

QUICK = 200_000
"""Parameters up to which Set5 takes a second or two."""
CLAIMS = [
    (card.id, checkpoint.scale, name)
    for card in list_models()
    for checkpoint in card.checkpoints
    for name in checkpoint.scores
    if name == "Set5" and (checkpoint.parameters or 0) <= QUICK
]


@pytest.mark.parametrize(("model", "scale", "name"), CLAIMS)
def test_a_cards_scores_can_be_reproduced(shared, model, scale, name):
    card = next(card for card in list_models() if card.id == model)
    psnr, ssim = card.checkpoint(scale).scores[name]
    found = evaluate(model, shared / "data" / "benchmarks" / name / "HR", scale)
    assert found.psnr == pytest.approx(psnr, abs=0.005)
    assert found.ssim == pytest.approx(ssim, abs=0.0005)
