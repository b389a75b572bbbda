"""Networks with attention over the whole image give the same image in tiles, because they get the tiles' positions."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_sr.architectures import registry
from napari_sr.errors import InputError
from napari_sr.inference import TorchRunner, execute, plan, upscale

from .conftest import collect, make_model

pytestmark = pytest.mark.usefixtures("unchecked")

LIMIT = 1 / 255
"""One gray level: the largest difference of a tiled image from a whole one that "seamless" allows."""


def attentive(name, **keywords):
    """A small network of an architecture, with random weights that make its attention matter."""
    torch.manual_seed(0)
    network = registry.get(name).build(scale=2, in_channels=1, blocks=2, **keywords)
    for key, value in network.named_parameters():
        if "esa" in key or "cca" in key:
            value.data *= 6 if "cca" in key else 3
    return make_model({2: network}, name=name)


@pytest.fixture(scope="module")
def image():
    """Several windows long and brighter towards its end, so that no two windows have the same statistics."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(231)[:, None] / 9) * np.cos(np.arange(64)[None] / 15) / 4
    bright = np.linspace(0.1, 0.9, 231)[:, None]
    return (waves * bright + bright + rng.normal(0, 0.05, waves.shape)).clip(0, 1)


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("rlfn", {"channels": 8}),
        ("rfdn", {"channels": 8}),
        ("imdn", {"channels": 16}),
        ("bsrn", {"channels": 16}),
    ],
)
def test_tiles_have_no_seams(image, name, keywords, monkeypatch):
    model = attentive(name, **keywords)
    whole = upscale(image, 2, model, tile=None, intensity_range=(0, 1))
    cut = upscale(image, 2, model, tile=45, intensity_range=(0, 1))
    monkeypatch.setattr(TorchRunner, "_frame", lambda *_: None)
    naive = upscale(image, 2, model, tile=45, intensity_range=(0, 1))
    assert np.abs(cut - whole).max() < LIMIT
    assert np.abs(cut - whole).max() < np.abs(naive - whole).max() / 20


def test_tiles_of_the_ensemble_have_no_seams(image):
    model = attentive("rlfn", channels=8)
    whole = upscale(image, 2, model, tile=None, ensemble=True)
    cut = upscale(image, 2, model, tile=60, ensemble=True)
    assert np.abs(cut - whole).max() < LIMIT


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (14, 15), (5, 5, 3)])
def test_images_smaller_than_attention_needs_are_upscaled(shape):
    model = attentive("bsrn", channels=16)
    image = np.random.default_rng(0).random(shape)
    out = upscale(image, 2, model)
    assert out.shape[:2] == (2 * shape[0], 2 * shape[1])
    assert np.isfinite(out).all()


def test_statistics_passes_count_in_the_progress(image):
    model = attentive("imdn", channels=16)
    made = plan(np.stack([image] * 2), 2, model, tile=60)
    assert made.statistics_passes > 0
    steps = list(execute(made, np.stack([image] * 2)))
    assert steps[0].total == made.steps > made.n_tiles
    assert steps[-1].done == steps[-1].total <= made.steps


def test_frames_of_a_stack_have_statistics_of_their_own(image):
    model = attentive("imdn", channels=16)
    stack = np.stack([image, image[::-1] * 0.3])
    together = upscale(stack, 2, model, tile=60, intensity_range=(0, 1))
    alone = upscale(stack[1], 2, model, tile=60, intensity_range=(0, 1))
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


def test_oom_on_the_whole_image_leaves_no_seams(image, monkeypatch):
    model = attentive("imdn", channels=16)
    whole = upscale(image, 2, model, tile=None, intensity_range=(0, 1))
    made = plan(image, 2, model, tile=None, intensity_range=(0, 1))
    original = TorchRunner.__call__

    def hungry(self, batch, positions):
        if batch.shape[-1] * batch.shape[-2] > 13_000:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, batch, positions)

    monkeypatch.setattr(TorchRunner, "__call__", hungry)
    result, steps = collect(execute(made, image))
    assert steps[-1].done == steps[-1].total > 1
    assert np.abs(result.image - whole).max() < LIMIT


@pytest.mark.parametrize("tile", [120, 150, 180, 205, 225])
def test_statistics_pass_whose_window_is_the_whole_image_is_exact(image, tile):
    """Two tiles, whose windows may be as long as the image; the passes use larger tiles with less context."""
    model = attentive("bsrn", channels=16)
    options = {"intensity_range": (0, 1), "tile_mode": "exact"}
    whole = upscale(image, 2, model, tile=None, **options)
    assert np.abs(upscale(image, 2, model, tile=tile, **options) - whole).max() < LIMIT / 1000


def test_oom_between_tiles_leaves_no_seams(image, monkeypatch):
    """The windows were the whole image, so no statistics had been gathered."""
    model = attentive("bsrn", channels=16)
    options = {"intensity_range": (0, 1), "tile_mode": "exact"}
    image = image[:200]
    whole = upscale(image, 2, model, tile=None, **options)
    made = dataclasses.replace(plan(image, 2, model, tile=(70, 32), **options), batch=2)
    assert made.statistics_passes == 0
    original, calls = TorchRunner.__call__, []

    def hungry(self, batch, positions):
        calls.append(len(batch))
        if len(calls) == 3:  # in the last row of tiles, after the first is done
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, batch, positions)

    monkeypatch.setattr(TorchRunner, "__call__", hungry)
    result = collect(execute(made, image))[0].image
    assert calls[:4] == [2, 2, 2, 1]
    assert np.abs(result - whole).max() < LIMIT / 1000


def test_statistics_passes_end_when_nothing_changes(image):
    """The statistics of a periodic image are known after two passes, however many layers use them."""
    torch.manual_seed(0)
    network = registry.get("imdn").build(scale=2, in_channels=1, blocks=6, channels=16)
    model = make_model({2: network}, name="imdn")
    even = np.tile(image[:40, :60], (6, 1))
    made = plan(even, 2, model, tile=60, tile_mode="exact", intensity_range=(0, 1))
    assert made.statistics_passes == 6
    steps = list(execute(made, even))
    assert steps[-1].done == steps[-1].total < made.steps


def test_exact_mode_is_closer_than_seamless_mode(image):
    model = attentive("imdn", channels=16)
    options = {"intensity_range": (0, 1)}
    whole = upscale(image, 2, model, tile=None, **options)
    assert np.abs(upscale(image, 2, model, tile=45, **options) - whole).max() < LIMIT
    exact = upscale(image, 2, model, tile=45, tile_mode="exact", **options)
    assert np.abs(exact - whole).max() < LIMIT / 20


def test_unknown_tile_mode_is_refused(image):
    with pytest.raises(InputError, match="seamless or exact"):
        upscale(image, 2, "bicubic", tile_mode="perfect")
