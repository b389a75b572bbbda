"""Fine-tuning: a model learns from an image, reports its true gain, and is discarded if it gains nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from napari.layers import Image
from skimage import data

import napari_sr
from napari_sr import fine_tune, load_model, upscale
from napari_sr.architectures.rfdn import RFDN
from napari_sr.errors import CancelledError, DeviceError, InputError, ModelLoadError
from napari_sr.imaging import SpatialImage
from napari_sr.models import import_model, list_models, save_network
from napari_sr.models.export import export_model
from napari_sr.training import FineTuned, _fine_tuner, fine_tune_steps
from napari_sr.training._fine_tune_data import extract_planes, split_tiles

QUICK = 0.1
"""Minutes."""
BRICK = data.brick()


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch):
    """Small steps, so that many fit into a second on a busy machine."""
    monkeypatch.setattr(_fine_tuner, "_BATCH_SIZE", 4)
    monkeypatch.setattr(_fine_tuner, "_PATCH_SIDE", 24)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def own():
    return [card for card in list_models() if card.group == "Mine"]


def test_it_learns_the_texture_of_an_image(models_home):
    """The gain holds for a part of the image that was not used, measured by upscaling it."""
    result = fine_tune(BRICK[:, :320], 2, "ecbsr", QUICK, name="bricks")
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


def test_card_says_how_the_model_was_made(models_home):
    result = fine_tune(BRICK, model="ecbsr", minutes=QUICK)
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
def test_base_is_kept_if_nothing_better_is_found(rate, monkeypatch):
    """Both if nothing is learned and if the training diverges."""
    monkeypatch.setattr(_fine_tuner, "_LR_SMALL_NETWORK", rate)
    before = list_models()
    result = fine_tune(BRICK, 2, "esr-tm", 0.02)
    assert result.card is None
    assert result.gain == pytest.approx(0, abs=1e-3)
    assert list_models() == before
    assert "esr-tm is kept" in str(result)


def test_it_stops_early_if_nothing_improves(monkeypatch):
    monkeypatch.setattr(_fine_tuner, "_LR_SMALL_NETWORK", 0.0)
    monkeypatch.setattr(_fine_tuner, "_VALIDATIONS", 200)
    assert fine_tune(BRICK, 2, "esr-tm", 0.5).seconds < 15


def test_cancelling_keeps_nothing(models_home):
    def stop(done, total):
        assert 0 < done < total == 60
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        fine_tune(BRICK, model="esr-tm", minutes=1, progress=stop)
    steps = fine_tune_steps(BRICK, model="esr-tm", minutes=1)
    next(steps)
    steps.close()
    assert own() == []
    assert not list(models_home.rglob("*.safetensors"))


def test_a_network_with_attention_for_0_to_255_learns(tmp_path):
    """It is trained in the value range of its card, and saved with it."""
    torch.manual_seed(0)
    config = {"scale": 2, "channels": 8, "blocks": 1}
    network = RFDN(**config)
    path = save_network(
        tmp_path / "n.safetensors", network, "rfdn", config, value_range=255, color="RGB"
    )
    import_model(path, "mine")
    result = fine_tune(
        data.astronaut()[:256, :256], model="mine", minutes=QUICK, name="mine-better"
    )
    assert result.gain > 0.2
    assert (result.card.value_range, result.card.color) == (255.0, "RGB")


@pytest.mark.parametrize("color", ["Y", "RGB", "grey"])
def test_planes_are_what_the_network_sees_when_upscaling(color):
    rgb = data.astronaut()[:40, :50]
    found = extract_planes(rgb, color)
    assert len(found) == (3 if color == "grey" else 1)
    if color == "RGB":
        np.testing.assert_allclose(found[0], rgb / 255, atol=1e-6)
    if color == "Y":
        np.testing.assert_allclose(
            found[0][..., 0], napari_sr.imaging.bt601_luma(rgb / 255), atol=1e-6
        )
    grey = np.full((3, 40, 50), 7, np.uint16)
    grey[:, ::2] = 1007
    planes = extract_planes(grey, color, "ZYX")
    assert [plane.shape for plane in planes] == [(40, 50, 3 if color == "RGB" else 1)] * 3
    assert set(np.unique(planes[0])) == {0, 1}


def test_layers_lists_and_folders_give_the_same_planes(tmp_path):
    import cv2

    stack = np.random.default_rng(0).integers(0, 255, (2, 40, 50), dtype=np.uint8)
    expected = extract_planes(stack, "Y", "ZYX")
    for i, plane in enumerate(stack):
        cv2.imwrite(str(tmp_path / f"{i}.png"), plane)
    lists = extract_planes(list(stack), "Y")
    layers = extract_planes(Image(stack), "Y")
    assert len(extract_planes(tmp_path, "Y")) == len(lists) == 2
    for a, b in zip(expected, layers, strict=True):
        np.testing.assert_array_equal(a, b)
    assert extract_planes(Image(data.astronaut()[:40, :50], rgb=True), "RGB")[0].shape == (
        40,
        50,
        3,
    )


@pytest.mark.parametrize(
    ("labels", "axes"), [("tzyx", "TZYX"), ("yxz", "YXZ"), ("czyx", "CZYX"), ("0123", "QIYX")]
)
def test_axes_of_a_layer_are_read_from_its_labels(labels, axes):
    """As upscaling reads them: planes along Y and X, and one intensity range a channel."""
    shape = {"t": 2, "z": 5, "c": 2, "y": 40, "x": 50}
    size = [shape.get(label, extent) for label, extent in zip(labels, (2, 3, 40, 50), strict=False)]
    pixels = np.random.default_rng(0).integers(0, 60_000, size, dtype=np.uint16)
    pixels[0] //= 10  # a darker first channel, time or row
    layer = Image(pixels, axis_labels=tuple(labels))
    expected = extract_planes(pixels, "Y", axes)
    found = extract_planes(layer, "Y")
    assert expected[0].shape == (40, 50, 1)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    in_a_list = extract_planes([layer, SpatialImage(pixels, axes)], "Y")
    assert len(in_a_list) == 2 * len(expected)
    np.testing.assert_array_equal(in_a_list[-1], expected[-1])


def test_only_the_used_part_of_a_large_lazy_stack_is_read():
    import dask.array as da

    read = []

    def plane(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.full((1, 2000, 2000), len(read) % 7, np.uint8)

    film = da.map_blocks(plane, chunks=((1,) * 50, (2000,) * 4, (2000,) * 4), dtype=np.uint8)
    read.clear()
    planes = extract_planes(film, "Y", "TYX")
    assert len(planes) == 1
    assert planes[0].shape == (4000, 4000, 1)
    assert len(read) <= 9


def test_held_out_tiles_share_no_pixel_with_others():
    """Each tile has its own minimum; none of a held-out tile is among those that train."""
    marked = np.add.outer(48 * np.arange(512), np.arange(512)).astype(np.float32)
    tiles, blurred = split_tiles([marked[..., None] / marked.max()], 2)
    held = [float(pair.large.min()) for pair in (*tiles.validation, *tiles.test)]
    trained = {float(tiles.large.image(i).min()) for i in range(len(tiles.large))}
    assert len(set(held)) == len(held)
    assert not trained & set(held)
    assert len(tiles.validation) == len(tiles.test) >= 2
    assert len(blurred.large) == len(tiles.large)


def test_blurred_tiles_are_the_same_places_with_smaller_differences():
    tiles, blurred = split_tiles(extract_planes(BRICK, "grey"), 2)
    for name in ("validation", "test"):
        for sharp, soft in zip(getattr(tiles, name), getattr(blurred, name), strict=True):
            assert sharp.large.shape == soft.large.shape
            assert abs(float(sharp.large.mean() - soft.large.mean())) < 0.01
            assert soft.small.diff(dim=-1).abs().mean() < sharp.small.diff(dim=-1).abs().mean()


def test_the_image_itself_is_enlarged_nearly_as_by_the_base(models_home):
    """Its enlargement is unknown, so the base is the target there."""
    result = fine_tune(BRICK, 2, "ecbsr", QUICK, name="bricks")
    assert result.blurred_gain >= 0
    base, tuned = (upscale(BRICK, 2, model).astype(float) for model in ("ecbsr", "bricks"))
    assert np.sqrt(np.square(tuned - base).mean()) < 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"image": BRICK[:60, :60]},
            InputError,
            "too little to learn from: give at least 144 x 144",
        ),
        ({"image": np.zeros((400, 400))}, InputError, "that are not flat"),
        ({"minutes": 0}, InputError, "minutes must be"),
        ({"model": "bicubic"}, ModelLoadError, "no weights"),
        ({"scale": 7}, InputError, "no native x7"),
        ({"name": "ecbsr"}, InputError, "has a model ecbsr already"),
        ({"name": "My Model"}, InputError, "lower-case letters"),
        ({"device": "cuda:99"}, DeviceError, "no device"),
        ({"image": "nowhere"}, napari_sr.errors.RecipeError, "not a folder"),
    ],
)
def test_wrong_options_are_refused_before_training(options, error, message):
    with pytest.raises(error, match=message) as caught:
        fine_tune(**{"image": BRICK, "model": "esr-tm", "minutes": 1, **options})
    assert "\n" not in str(caught.value)


def test_a_program_cannot_be_trained(tmp_path):
    path = export_model(load_model("esr-tm"), tmp_path / "p.pt", scale=2).path
    program = load_model(path, value_range=1, trust_program=True)
    with pytest.raises(ModelLoadError, match="cannot be trained; choose one of our own"):
        fine_tune(BRICK, model=program, minutes=1)


@pytest.mark.parametrize(
    ("gain", "soft", "why"),
    [(0.43, -0.12, "would change by -0.12 dB"), (0.0, 0.3, "nothing better was found")],
)
def test_report_says_why_the_base_is_kept(gain, soft, why):
    kept = FineTuned("base", None, 30.0, 33.0, 33.0 + gain, soft, 4, 100, 120.0)
    assert str(kept).startswith("base is kept, since ")
    assert why in str(kept)
