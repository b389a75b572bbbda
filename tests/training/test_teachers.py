"""Teachers: what they make of the training images, that it is theirs, and that it is what the network learns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.imaging import bt601_luma, imresize
from napari_sr.models import load_model, save_network
from napari_sr.training import Lesson, read_recipe, training_steps
from napari_sr.training._dataset import load_data
from napari_sr.training._pixels import PixelStore
from napari_sr.training._recipe import Stage
from napari_sr.training._teachers import teach
from napari_sr.training._trainer import Trainer
from tests.training.conftest import RECIPE

CPU = torch.device("cpu")


def taught_recipe(workspace, table, **changes):
    """The recipe with a table ``[distillation]``, and other keys of the model."""
    text = RECIPE
    for old, new in changes.get("replace", ()):
        assert old in text
        text = text.replace(old, new)
    (workspace / "taught.toml").write_text(f"{text}\n[distillation]\n{table}\n")
    return read_recipe(workspace / "taught.toml")


def taught_data(recipe, folder):
    data, _ = load_data(recipe)
    return data, list(teach(recipe, data, folder, "cpu"))


def color(name, scale=2):
    return [
        ("scale = 2", f"scale = {scale}"),
        ("c = 4 }", f"c = 4, in_channels = {3 if name == 'RGB' else 1} }}\ncolor = '{name}'"),
    ]


def grown(small):
    """MATLAB's bicubic, which is how the model ``bicubic`` was meant."""
    image = small.numpy()
    return imresize(image / 255 if image.dtype == np.uint8 else image, 2).clip(0, 1)


@pytest.mark.parametrize("name", ["Y", "RGB", "grey"])
def test_every_image_is_taught_as_the_teacher_enlarges_it(workspace, name):
    recipe = taught_recipe(workspace, 'teachers = ["bicubic"]', replace=color(name))
    data, lessons = taught_data(recipe, workspace / "run")
    assert lessons == [Lesson(i, len(data.small)) for i in range(len(data.small) + 1)]
    white, rounding = (1, 1e-6) if name == "grey" else (255, 0.501)
    for i in range(len(data.small)):
        expected = grown(data.small.image(i)) * white
        np.testing.assert_allclose(data.taught.image(i), expected, atol=rounding, rtol=0)


def test_reductions_are_taught_too(workspace):
    smaller = [("held_out = 2", "held_out = 2\nreductions = [0.7]")]
    recipe = taught_recipe(workspace, 'teachers = ["bicubic"]', replace=smaller)
    data, lessons = taught_data(recipe, workspace / "run")
    assert len(lessons) == len(data.small) + 1 == 2 * 4 + 1


def test_of_several_teachers_the_mean_counts(workspace):
    """In numbers, not in rounded pixels: each alone may be half a grey level off."""

    def pixels(teachers, run):
        recipe = taught_recipe(workspace, f"teachers = {teachers}")
        return taught_data(recipe, workspace / run)[0].taught.pixels.float()

    first, second = pixels(["bicubic"], "a"), pixels(["esr-tm"], "b")
    both = pixels(["bicubic", "esr-tm"], "c")
    assert (first - second).abs().max() > 2
    inside = torch.stack([first, second, both]).sub(127.5).abs().amax(0) < 127
    assert inside.float().mean() > 0.5
    assert (both - (first + second) / 2)[inside].abs().max() <= 1


def test_a_patch_is_the_same_place_in_all_three(workspace):
    """Were the large images the teachers' work, a batch would hold them twice."""
    for name in ("Y", "RGB", "grey"):
        recipe = taught_recipe(workspace, "teachers = []", replace=color(name))
        data, _ = load_data(recipe)
        data.taught = data.large
        batch = data.draw(Stage(1, patch=12, batch=9), torch.Generator().manual_seed(1))
        assert torch.equal(batch.taught, batch.large)
        assert batch.taught.dtype == torch.float32


def trained(workspace, table, steps=9):
    recipe = taught_recipe(workspace, table)
    data, held_out = load_data(recipe)
    if recipe.distillation.active:
        list(teach(recipe, data, workspace / "run", "cpu"))
    run = Trainer(recipe, data, held_out, CPU)
    losses = [run.step() for _ in range(steps)]
    return run, losses


def test_without_weight_teachers_change_nothing(workspace):
    """The same patches, the same steps, to the last bit; with weight they do change something."""
    alone, _ = trained(workspace, "")
    for weight in (0, 0.5):
        beside, _ = trained(workspace, f'teachers = ["bicubic"]\nweight = {weight}')
        pairs = zip(alone.network.parameters(), beside.network.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == (weight == 0)


def test_the_loss_is_weighed_between_truth_and_teachers(workspace):
    """Of the first step, where the network is still the same for all weights."""
    loss = {
        weight: trained(workspace, f'teachers = ["bicubic"]\nweight = {weight}', steps=1)[1][0]
        for weight in (0, 0.25, 1)
    }
    assert abs(loss[0] - loss[1]) > 1e-4
    assert loss[0.25] == pytest.approx(0.75 * loss[0] + 0.25 * loss[1], rel=1e-5)


def test_what_was_taught_is_kept_and_taken_again(workspace):
    recipe = taught_recipe(workspace, 'teachers = ["bicubic"]\ncache = "taught/once.safetensors"')
    first, lessons = taught_data(recipe, workspace / "a")
    again, none = taught_data(recipe, workspace / "b")
    assert lessons
    assert not none
    assert torch.equal(first.taught.pixels, again.taught.pixels)
    assert [path.name for path in (workspace / "taught").iterdir()] == ["once.safetensors"]


@pytest.mark.parametrize("change", ["image", "teacher", "ensemble", "precision", "damage"])
def test_what_was_taught_of_others_is_not_taken(workspace, change):
    table = 'teachers = ["esr-tm"]'
    taught_data(taught_recipe(workspace, table), workspace / "run")
    if change == "image":
        (workspace / "images/2.png").write_bytes((workspace / "images/3.png").read_bytes())
    elif change == "teacher":
        table = 'teachers = ["bicubic"]'
    elif change == "ensemble":
        table += "\nensemble = true"
    elif change == "precision":
        table += '\nprecision = "bfloat16"'
    else:
        path = workspace / "run/taught.safetensors"
        path.write_bytes(path.read_bytes()[:1000])
    recipe = taught_recipe(workspace, table)
    data, lessons = taught_data(recipe, workspace / "run")
    fresh, _ = taught_data(recipe, workspace / "fresh")
    assert lessons
    assert torch.equal(data.taught.pixels, fresh.taught.pixels)


def test_bfloat16_teaches_nearly_the_same(workspace):
    table = 'teachers = ["esr-tm"]'
    full, _ = taught_data(taught_recipe(workspace, table), workspace / "full")
    table += '\nprecision = "bfloat16"'
    half, _ = taught_data(taught_recipe(workspace, table), workspace / "half")
    difference = (full.taught.pixels.float() - half.taught.pixels.float()).abs()
    assert 0 < difference.mean() < 0.5  # of 255: other numbers, the same image
    assert difference.max() <= 8


def test_the_ensemble_is_the_mean_of_eight_ways(workspace):
    recipe = taught_recipe(workspace, 'teachers = ["esr-tm"]\nensemble = true')
    data, _ = taught_data(recipe, workspace / "run")
    rgb, network = data.small.image(0).numpy() / 255, load_model("esr-tm").network(2)
    small = torch.from_numpy(bt601_luma(rgb)).float()[None, None]
    with torch.no_grad():
        ways = [
            torch.rot90(network(torch.rot90(flipped, k, (2, 3))), -k, (2, 3)).flip(axes)
            for axes in ((), (3,))
            for flipped in [small.flip(axes)]
            for k in range(4)
        ]
    luma = bt601_luma(data.taught.image(0).numpy() / 255)
    expected = torch.stack(ways).mean(0)[0, 0].numpy()
    inside = (data.taught.image(0) > 0).all(2) & (data.taught.image(0) < 255).all(2)
    assert inside.float().mean() > 0.5
    np.testing.assert_allclose(luma[inside], expected[inside], atol=0.5 / 255, rtol=0)


def test_stopping_the_teachers_loses_nothing_but_time(workspace):
    recipe = taught_recipe(workspace, 'teachers = ["bicubic"]')
    steps = training_steps(recipe, workspace / "run")
    assert [step.done for step in itertools.islice(steps, 3)] == [0, 1, 2]
    steps.close()
    assert not list((workspace / "run").iterdir())
    kinds = [type(step).__name__ for step in training_steps(recipe, workspace / "run")]
    assert kinds == ["Lesson"] * 5 + ["Step"] * 20
    assert not list(training_steps(recipe, workspace / "run", resume=True))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('teachers = ["nowhere.pth"]', "nowhere.pth"),
        ('teachers = ["bicubick"]', "bicubic"),
        ('teachers = ["recipe.toml"]', "recipe.toml"),
        ('teachers = ["bsrn-official"]', "download"),
        ('teachers = ["{shallow}"]', "has x2, the recipe x3"),
        ('teachers = ["bicubic"]\ncache = "recipe.toml/x"', "cannot be written"),
        ('teachers = ["bicubic"]\ncache = "images"', "another file"),
    ],
)
def test_teachers_that_cannot_be_had_are_one_clear_line(workspace, table, message):
    from importlib.resources import files

    shallow = files("napari_sr").joinpath("weights", "ecbsr-x2.safetensors")
    table = table.replace("{shallow}", str(shallow))
    recipe = taught_recipe(workspace, table, replace=[("scale = 2", "scale = 3")])
    with pytest.raises(RecipeError, match=message) as caught:
        list(training_steps(recipe, workspace / "run"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('teachers = ["bicubic"]\nweight = 1.5', "distillation.weight"),
        ('teachers = ["bicubic"]\nweight = nan', "distillation.weight"),
        ('teachers = "bicubic"', "list"),
        ('teachers = ["bicubic"]\n[degradation]\nblur = [0, 1]', "degradation"),
    ],
)
def test_what_teachers_cannot_do_is_refused(workspace, table, message):
    with pytest.raises(RecipeError, match=message):
        taught_recipe(workspace, table)


def test_teachers_can_be_named_from_outside(workspace, monkeypatch):
    """A file is one where the call was made; anything else stays an id."""
    monkeypatch.chdir(workspace)
    (workspace / "mine.pth").touch()
    path = workspace / "recipe.toml"
    recipe = read_recipe(path, distillation_teachers=["mine.pth", "bicubic"])
    assert recipe.distillation.teachers == (str((workspace / "mine.pth").resolve()), "bicubic")


@pytest.mark.parametrize("file", ["bsrn/net_g_BSRN_x4.pth", "rlfn/rlfn_x4.pth"])
@pytest.mark.parametrize("name", ["RGB", "Y", "grey"])
def test_published_networks_teach_in_their_own_range(workspace, shared, file, name):
    path = shared / "checkpoints" / file
    model = load_model(path)
    recipe = taught_recipe(workspace, f'teachers = ["{path}"]', replace=color(name, scale=4))
    data, _ = load_data(recipe)
    data.small, data.large = (PixelStore([each.image(0)]) for each in (data.small, data.large))
    list(teach(recipe, data, workspace / "run", "cpu"))
    small = data.small.image(0).permute(2, 0, 1)[None]
    unit = (small.float() / 255 if name != "grey" else small).expand(-1, 3, -1, -1)
    with torch.no_grad():
        network = model.network(4)
        answer = (network(unit * model.card.value_range) / model.card.value_range)[0]
    expected = answer.permute(1, 2, 0).clamp(0, 1).numpy()
    if name == "grey":
        expected = answer.mean(dim=0)[..., None].clamp(0, 1).numpy()
    white, rounding = (1, 1e-4) if name == "grey" else (255, 0.51)
    np.testing.assert_allclose(
        data.taught.image(0), expected * white, atol=rounding, rtol=0, err_msg=f"{file} {name}"
    )


def test_a_teacher_of_a_larger_scale_teaches_by_its_reduced_image(workspace):
    """Its x4 image, reduced by two as MATLAB does."""
    large = registry.get("ecbsr-plain").build(scale=4, m=1, c=4)
    save_network(
        workspace / "x4.safetensors", large, "ecbsr-plain", {"scale": 4, "m": 1, "c": 4}, color="Y"
    )
    table = f'teachers = ["{workspace / "x4.safetensors"}"]'
    recipe = taught_recipe(workspace, table, replace=color("grey"))
    data, _ = taught_data(recipe, workspace / "run")
    small = data.small.image(0).permute(2, 0, 1)[None]
    with torch.no_grad():
        answer = large(small)[0, 0].double().numpy()
    expected = imresize(answer, 0.5).clip(0, 1)
    np.testing.assert_allclose(data.taught.image(0)[..., 0], expected, atol=2e-3, rtol=0)
