"""A model learns from the image that it will enlarge, says truly what it gained, and goes where it gained nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from napari.layers import Image
from skimage import data

import napari_sr
from napari_sr import fine_tune, load_model, upscale
from napari_sr.architectures.rfdn import RFDN
from napari_sr.errors import CancelledError, InputError, ModelLoadError
from napari_sr.models import import_model, list_models, save_network
from napari_sr.models.export import export_model
from napari_sr.training import FineTuned, _student, fine_tune_steps
from napari_sr.training._own_image import cut, planes_of

QUICK = 0.1
"""Minutes."""
BRICK = data.brick()


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch):
    """Many small steps in a second, also on a busy machine."""
    monkeypatch.setattr(_student, "_BATCH", 4)
    monkeypatch.setattr(_student, "_PATCH", 24)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def own():
    return [card for card in list_models() if card.group == "Mine"]


def test_it_learns_the_texture_of_an_image(models_home):
    """And what it says holds for a part of the image that it never saw, measured by the engine."""
    result = fine_tune(BRICK[:, :320], "ecbsr", QUICK, scale=2, name="bricks")
    assert result.gain > 0.1
    assert result.before > result.bicubic
    assert result.iterations > 5
    assert result.card in list_models()
    unseen = BRICK[:, 384:]
    small = napari_sr.imaging.imresize(unseen, 0.5).clip(0, 255).round().astype(np.uint8)
    error = {
        model: np.square(upscale(small, 2, model).astype(float) - unseen).mean()
        for model in ("ecbsr", "bricks")
    }
    assert 10 * np.log10(error["ecbsr"] / error["bricks"]) > 0.1


def test_its_card_is_honest(models_home):
    result = fine_tune(BRICK, "ecbsr", QUICK)
    card = result.card
    assert (card.id, card.group, card.scales) == ("ecbsr-tuned", "Mine", (2,))
    base = load_model("ecbsr").card
    assert (card.color, card.value_range, card.license) == (base.color, 1.0, base.license)
    assert f"{result.gain:+.2f} dB over ecbsr on {result.tiles} held-out tiles" in card.summary
    assert "your own image" in card.training_data
    assert base.training_data in card.training_data
    assert "fine-tuned by you" in card.source
    assert card.id in str(result)
    assert list(models_home.rglob("*.safetensors"))


@pytest.mark.parametrize("rate", [0.0, 30.0])
def test_the_base_is_kept_where_nothing_better_is_found(rate, monkeypatch):
    """Whether nothing is learnt, or all is lost."""
    monkeypatch.setattr(_student, "_LR_SMALL", rate)
    before = list_models()
    result = fine_tune(BRICK, "esr-tm", 0.02, scale=2)
    assert result.card is None
    assert result.gain == pytest.approx(0, abs=1e-3)
    assert list_models() == before
    assert "esr-tm is kept" in str(result)


def test_it_stops_early_where_nothing_gets_better(monkeypatch):
    monkeypatch.setattr(_student, "_LR_SMALL", 0.0)
    monkeypatch.setattr(_student, "_LOOKS", 200)
    assert fine_tune(BRICK, "esr-tm", 0.5, scale=2).seconds < 15


def test_cancelling_keeps_nothing(models_home):
    def stop(done, total):
        assert 0 < done < total == 60
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        fine_tune(BRICK, "esr-tm", 1, progress=stop)
    steps = fine_tune_steps(BRICK, "esr-tm", 1)
    next(steps)
    steps.close()
    assert own() == []
    assert not list(models_home.rglob("*.safetensors"))


def test_a_network_for_255_with_attention_learns(tmp_path):
    """In the range of its card, and saved with it."""
    torch.manual_seed(0)
    config = {"scale": 2, "channels": 8, "blocks": 1}
    network = RFDN(**config)
    path = save_network(
        tmp_path / "n.safetensors", network, "rfdn", config, value_range=255, color="RGB"
    )
    import_model(path, "mine")
    result = fine_tune(data.astronaut()[:256, :256], "mine", QUICK, name="mine-better")
    assert result.gain > 0.2
    assert (result.card.value_range, result.card.color) == (255.0, "RGB")


@pytest.mark.parametrize("color", ["Y", "RGB", "grey"])
def test_planes_are_what_the_network_will_see(color):
    rgb = data.astronaut()[:40, :50]
    found = planes_of(rgb, color)
    assert len(found) == (3 if color == "grey" else 1)
    if color == "RGB":
        np.testing.assert_allclose(found[0], rgb / 255, atol=1e-6)
    if color == "Y":
        np.testing.assert_allclose(
            found[0][..., 0], napari_sr.imaging.bt601_luma(rgb / 255), atol=1e-6
        )
    grey = np.full((3, 40, 50), 7, np.uint16)
    grey[:, ::2] = 1007
    planes = planes_of(grey, color, "ZYX")
    assert [plane.shape for plane in planes] == [(40, 50, 3 if color == "RGB" else 1)] * 3
    assert set(np.unique(planes[0])) == {0, 1}


def test_layers_lists_and_folders_serve_alike(tmp_path):
    import cv2

    stack = np.random.default_rng(0).integers(0, 255, (2, 40, 50), dtype=np.uint8)
    expected = planes_of(stack, "Y", "ZYX")
    for i, plane in enumerate(stack):
        cv2.imwrite(str(tmp_path / f"{i}.png"), plane)
    lists = planes_of(list(stack), "Y")
    layers = planes_of(Image(stack), "Y")
    assert len(planes_of(tmp_path, "Y")) == len(lists) == 2
    for a, b in zip(expected, layers, strict=True):
        np.testing.assert_array_equal(a, b)
    assert planes_of(Image(data.astronaut()[:40, :50], rgb=True), "RGB")[0].shape == (40, 50, 3)


def test_of_a_large_lazy_stack_no_more_is_read_than_is_used():
    import dask.array as da

    read = []

    def plane(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.full((1, 2000, 2000), len(read) % 7, np.uint8)

    film = da.map_blocks(plane, chunks=((1,) * 50, (2000,) * 4, (2000,) * 4), dtype=np.uint8)
    read.clear()
    planes = planes_of(film, "Y", "TYX")
    assert len(planes) == 1
    assert planes[0].shape == (4000, 4000, 1)
    assert len(read) <= 9


def test_held_out_tiles_are_in_no_other():
    """Where every tile is marked, no mark of a held-out one is among those that train."""
    marked = np.add.outer(48 * np.arange(512), np.arange(512)).astype(np.float32)
    tiles, soft = cut([marked[..., None] / marked.max()], 2)
    held = [float(pair.large.min()) for pair in (*tiles.choose, *tiles.test)]
    trained = {float(tiles.large.image(i).min()) for i in range(len(tiles.large))}
    assert len(set(held)) == len(held)
    assert not trained & set(held)
    assert len(tiles.choose) == len(tiles.test) >= 2
    assert len(soft.large) == len(tiles.large)


def test_softened_tiles_are_the_same_places_with_less_between_neighbours():
    tiles, soft = cut(planes_of(BRICK, "grey"), 2)
    for name in ("choose", "test"):
        for sharp, blurred in zip(getattr(tiles, name), getattr(soft, name), strict=True):
            assert sharp.large.shape == blurred.large.shape
            assert abs(float(sharp.large.mean() - blurred.large.mean())) < 0.01
            assert blurred.small.diff(dim=-1).abs().mean() < sharp.small.diff(dim=-1).abs().mean()


def test_what_lies_outside_its_lessons_it_leaves_as_the_base_does(models_home):
    """The image itself is enlarged as before, up to a little: there, nobody told what is right."""
    result = fine_tune(BRICK, "ecbsr", QUICK, scale=2, name="bricks")
    assert result.soft_gain >= 0
    base, tuned = (upscale(BRICK, 2, model).astype(float) for model in ("ecbsr", "bricks"))
    assert np.sqrt(np.square(tuned - base).mean()) < 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"source": BRICK[:60, :60]},
            InputError,
            "too little to learn from: give at least 144 x 144",
        ),
        ({"source": np.zeros((400, 400))}, InputError, "that are not flat"),
        ({"minutes": 0}, InputError, "minutes must be"),
        ({"base": "bicubic"}, ModelLoadError, "no weights"),
        ({"scale": 7}, InputError, "no native x7"),
        ({"name": "ecbsr"}, InputError, "has a model ecbsr already"),
        ({"name": "My Model"}, InputError, "small letters"),
        ({"source": "nowhere"}, napari_sr.errors.RecipeError, "not a folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_work_begins(options, error, message):
    with pytest.raises(error, match=message) as caught:
        fine_tune(**{"source": BRICK, "base": "esr-tm", "minutes": 1, **options})
    assert "\n" not in str(caught.value)


def test_a_program_cannot_be_trained(tmp_path):
    path = export_model(load_model("esr-tm"), tmp_path / "p.pt", scale=2).path
    with pytest.raises(ModelLoadError, match="cannot be trained; choose one of our own"):
        fine_tune(BRICK, load_model(path, value_range=1), 1)


@pytest.mark.parametrize(
    ("gain", "soft", "why"),
    [(0.43, -0.12, "would change by -0.12 dB"), (0.0, 0.3, "nothing better was found")],
)
def test_why_the_base_is_kept_is_said(gain, soft, why):
    kept = FineTuned("base", None, 30.0, 33.0, 33.0 + gain, soft, 4, 100, 120.0)
    assert str(kept).startswith("base is kept, since ")
    assert why in str(kept)
