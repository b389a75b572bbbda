"""A folder of small images and a recipe with one phase that trains in seconds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from napari_sr.training import Phase, read_recipe

RECIPE = """
[model]
id = "tiny"
architecture = "ecbsr"
scale = 2
config = { m = 1, c = 4 }

[data]
train = "images"
held_out = 2

[[stage]]
iterations = 12
patch = 12
batch = 4

[[stage]]
iterations = 8
patch = 16
batch = 2

[schedule]
lr = 1e-3

[optimization]
validate_every = 10
precision = "float32"
"""


def make_images(folder):
    """Six photographs of different sizes in ``images/``, and the folder."""
    image = data.astronaut()
    (folder / "images").mkdir()
    for i in range(6):
        height, width = 70 + 7 * i, 90 - 5 * i
        tile = image[60 * i : 60 * i + height, 40 * i : 40 * i + width]
        cv2.imwrite(str(folder / f"images/{i}.png"), np.ascontiguousarray(tile[..., ::-1]))
    return folder


def read_phase(path) -> Phase:
    """The only phase of a recipe."""
    (phase,) = read_recipe(path).phases
    return phase


@pytest.fixture
def workspace(tmp_path):
    """A folder with ``recipe.toml`` and ``images/``."""
    (make_images(tmp_path) / "recipe.toml").write_text(RECIPE)
    return tmp_path
