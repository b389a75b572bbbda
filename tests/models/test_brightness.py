"""Bundled models neither brighten nor darken images: intensities are measurements."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from napari_sr import upscale
from napari_sr.models import list_models
from napari_sr.models._catalog import is_bundled

BUNDLED = [
    (card.id, each.scale) for card in filter(is_bundled, list_models()) for each in card.checkpoints
]
BORDER = 4
"""Pixels at an edge where a network has less to go by."""


@pytest.mark.parametrize(("model", "scale"), BUNDLED)
def test_mean_changes_by_less_than_a_fifth_of_a_gray_level(model, scale):
    images = [data.coffee()[100:196, 200:296], data.chelsea()[60:156, 100:196]]
    if model.endswith("microscopy"):
        images = [image[..., 1] for image in images]
    for image in images:
        larger = upscale(image, scale, model=model)
        edge = BORDER * scale
        change = np.mean(larger[edge:-edge, edge:-edge], dtype=float)
        change -= np.mean(image[BORDER:-BORDER, BORDER:-BORDER], dtype=float)
        assert abs(change) < 0.2
