"""Distillation: what teachers make of the training images is computed right, kept, and learned."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from napari_sr.architectures import registry
from napari_sr.errors import RecipeError
from napari_sr.imaging import bt601_luma, imresize
from napari_sr.models import load_model, save_network
from napari_sr.training import Stage, TeacherProgress, Trainer, read_recipe, training_steps
from napari_sr.training._dataset import load_data
from napari_sr.training._distillation import add_teacher_targets
from napari_sr.training._pixels import PixelStore
from tests.training.conftest import RECIPE

CPU = torch.device("cpu")


def distilled_recipe(workspace, table, **changes):
    """The recipe with a table ``[distillation]`` and other changes."""
    text = RECIPE
    for old, new in changes.get("replace", ()):
        assert old in text
        text = text.replace(old, new)
    (workspace / "distilled.toml").write_text(f"{text}\n[distillation]\n{table}\n")
    return read_recipe(workspace / "distilled.toml")


def distilled_phase(workspace, table, **changes):
    (phase,) = distilled_recipe(workspace, table, **changes).phases
    return phase


def distilled_data(phase, folder):
    data, _ = load_data(phase)
    return data, list(add_teacher_targets(phase, data, folder, "cpu"))


def color(name, scale=2):
    return [
        ("scale = 2", f"scale = {scale}"),
        ("c = 4 }", f"c = 4, in_channels = {3 if name == 'RGB' else 1} }}\ncolor = '{name}'"),
    ]


def grown(small):
    """MATLAB's bicubic, which the model ``bicubic`` implements."""
    image = small.numpy()
    return imresize(image / 255 if image.dtype == np.uint8 else image, 2).clip(0, 1)


@pytest.mark.parametrize("name", ["Y", "RGB", "grey"])
def test_targets_are_the_images_that_the_teacher_enlarges(workspace, name):
    phase = distilled_phase(workspace, 'teachers = ["bicubic"]', replace=color(name))
    data, progress = distilled_data(phase, workspace / "run")
    assert progress == [TeacherProgress(i, len(data.small)) for i in range(len(data.small) + 1)]
    white, rounding = (1, 1e-6) if name == "grey" else (255, 0.501)
    for i in range(len(data.small)):
        expected = grown(data.small.image(i)) * white
        np.testing.assert_allclose(data.teacher.image(i), expected, atol=rounding, rtol=0)


def test_downscaled_copies_have_targets_too(workspace):
    smaller = [("held_out = 2", "held_out = 2\ndownscale_augmentations = [0.7]")]
    phase = distilled_phase(workspace, 'teachers = ["bicubic"]', replace=smaller)
    data, progress = distilled_data(phase, workspace / "run")
    assert len(progress) == len(data.small) + 1 == 2 * 4 + 1


def test_target_is_the_mean_of_several_teachers(workspace):
    """The mean is taken before rounding: each teacher alone may be half a gray level off."""

    def pixels(teachers, run):
        phase = distilled_phase(workspace, f"teachers = {teachers}")
        return distilled_data(phase, workspace / run)[0].teacher.pixels.float()

    first, second = pixels(["bicubic"], "a"), pixels(["esr-tm"], "b")
    both = pixels(["bicubic", "esr-tm"], "c")
    assert (first - second).abs().max() > 2
    inside = torch.stack([first, second, both]).sub(127.5).abs().amax(0) < 127
    assert inside.float().mean() > 0.5
    assert (both - (first + second) / 2)[inside].abs().max() <= 1


def test_patches_are_the_same_place_in_teacher_images(workspace):
    """With the large images as teacher images, both must be equal in a batch."""
    for name in ("Y", "RGB", "grey"):
        phase = distilled_phase(workspace, "teachers = []", replace=color(name))
        data, _ = load_data(phase)
        data.teacher = data.large
        batch = data.draw(Stage(1, patch=12, batch=9), torch.Generator().manual_seed(1))
        assert torch.equal(batch.teacher, batch.large)
        assert batch.teacher.dtype == torch.float32


def trained(workspace, table, steps=9):
    phase = distilled_phase(workspace, table)
    data, held_out = load_data(phase)
    if phase.distillation.active:
        list(add_teacher_targets(phase, data, workspace / "run", "cpu"))
    run = Trainer(phase, data, held_out, CPU)
    losses = [run.step() for _ in range(steps)]
    return run, losses


def test_teachers_with_weight_zero_change_nothing(workspace):
    """The steps are equal to the last bit; with a weight above zero they differ."""
    alone, _ = trained(workspace, "")
    for weight in (0, 0.5):
        beside, _ = trained(workspace, f'teachers = ["bicubic"]\nweight = {weight}')
        pairs = zip(alone.network.parameters(), beside.network.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == (weight == 0)


def test_loss_is_the_weighted_mean_of_both_targets(workspace):
    """In the first step, when the network is still the same for all weights."""
    loss = {
        weight: trained(workspace, f'teachers = ["bicubic"]\nweight = {weight}', steps=1)[1][0]
        for weight in (0, 0.25, 1)
    }
    assert abs(loss[0] - loss[1]) > 1e-4
    assert loss[0.25] == pytest.approx(0.75 * loss[0] + 0.25 * loss[1], rel=1e-5)


def test_targets_are_kept_and_used_again(workspace):
    phase = distilled_phase(workspace, 'teachers = ["bicubic"]\ncache = "kept/once.safetensors"')
    first, progress = distilled_data(phase, workspace / "a")
    again, none = distilled_data(phase, workspace / "b")
    assert progress
    assert not none
    assert torch.equal(first.teacher.pixels, again.teacher.pixels)
    assert [path.name for path in (workspace / "kept").iterdir()] == ["once.safetensors"]


@pytest.mark.parametrize("change", ["image", "teacher", "ensemble", "precision", "damage"])
def test_targets_of_other_images_or_teachers_are_not_used(workspace, change):
    table = 'teachers = ["esr-tm"]'
    distilled_data(distilled_phase(workspace, table), workspace / "run")
    if change == "image":
        (workspace / "images/2.png").write_bytes((workspace / "images/3.png").read_bytes())
    elif change == "teacher":
        table = 'teachers = ["bicubic"]'
    elif change == "ensemble":
        table += "\nensemble = true"
    elif change == "precision":
        table += '\nprecision = "bfloat16"'
    else:
        (path,) = (workspace / "run").glob("teachers-*.safetensors")
        path.write_bytes(path.read_bytes()[:1000])
    phase = distilled_phase(workspace, table)
    data, progress = distilled_data(phase, workspace / "run")
    fresh, _ = distilled_data(phase, workspace / "fresh")
    assert progress
    assert torch.equal(data.teacher.pixels, fresh.teacher.pixels)


def test_bfloat16_teachers_differ_by_rounding_only(workspace):
    table = 'teachers = ["esr-tm"]'
    full, _ = distilled_data(distilled_phase(workspace, table), workspace / "full")
    table += '\nprecision = "bfloat16"'
    half, _ = distilled_data(distilled_phase(workspace, table), workspace / "half")
    difference = (full.teacher.pixels.float() - half.teacher.pixels.float()).abs()
    assert 0 < difference.mean() < 0.5  # of 255: other numbers, the same image
    assert difference.max() <= 8


def test_ensemble_is_the_mean_of_eight_orientations(workspace):
    phase = distilled_phase(workspace, 'teachers = ["esr-tm"]\nensemble = true')
    data, _ = distilled_data(phase, workspace / "run")
    rgb, network = data.small.image(0).numpy() / 255, load_model("esr-tm").network(2)
    small = torch.from_numpy(bt601_luma(rgb)).float()[None, None]
    with torch.no_grad():
        ways = [
            torch.rot90(network(torch.rot90(flipped, k, (2, 3))), -k, (2, 3)).flip(axes)
            for axes in ((), (3,))
            for flipped in [small.flip(axes)]
            for k in range(4)
        ]
    luma = bt601_luma(data.teacher.image(0).numpy() / 255)
    expected = torch.stack(ways).mean(0)[0, 0].numpy()
    inside = (data.teacher.image(0) > 0).all(2) & (data.teacher.image(0) < 255).all(2)
    assert inside.float().mean() > 0.5
    np.testing.assert_allclose(luma[inside], expected[inside], atol=0.5 / 255, rtol=0)


def test_stopping_the_teachers_leaves_no_files(workspace):
    recipe = distilled_recipe(workspace, 'teachers = ["bicubic"]')
    steps = training_steps(recipe, workspace / "run")
    assert [step.done for step in itertools.islice(steps, 3)] == [0, 1, 2]
    steps.close()
    assert not list((workspace / "run").iterdir())
    kinds = [type(step).__name__ for step in training_steps(recipe, workspace / "run")]
    assert kinds == ["TeacherProgress"] * 5 + ["TrainingProgress"] * 20
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
def test_unusable_teachers_are_one_clear_line(workspace, table, message):
    from importlib.resources import files

    shallow = files("napari_sr").joinpath("weights", "ecbsr-x2.safetensors")
    table = table.replace("{shallow}", str(shallow))
    recipe = distilled_recipe(workspace, table, replace=[("scale = 2", "scale = 3")])
    with pytest.raises(RecipeError, match=message) as caught:
        list(training_steps(recipe, workspace / "run"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('teachers = ["bicubic"]\nweight = 1.5', "distillation.weight"),
        ('teachers = ["bicubic"]\nweight = nan', "distillation.weight"),
        ('teachers = "bicubic"', "must be a list"),
        ('teachers = ["bicubic"]\n[degradation]\nblur = [0, 1]', "degradation"),
    ],
)
def test_wrong_distillation_settings_are_refused(workspace, table, message):
    with pytest.raises(RecipeError, match=message):
        distilled_phase(workspace, table)


def test_teachers_can_be_replaced(workspace, monkeypatch):
    """A file of the working directory is a path; any other name stays an id."""
    monkeypatch.chdir(workspace)
    (workspace / "mine.pth").touch()
    path = workspace / "recipe.toml"
    recipe = read_recipe(path, teachers=["mine.pth", "bicubic"])
    assert recipe.phases[0].distillation.teachers == (
        str((workspace / "mine.pth").resolve()),
        "bicubic",
    )


@pytest.mark.parametrize("file", ["bsrn/net_g_BSRN_x4.pth", "rlfn/rlfn_x4.pth"])
@pytest.mark.parametrize("name", ["RGB", "Y", "grey"])
def test_published_networks_are_teachers_in_their_own_value_range(workspace, shared, file, name):
    path = shared / "checkpoints" / file
    model = load_model(path)
    phase = distilled_phase(workspace, f'teachers = ["{path}"]', replace=color(name, scale=4))
    data, _ = load_data(phase)
    data.small, data.large = (PixelStore([each.image(0)]) for each in (data.small, data.large))
    list(add_teacher_targets(phase, data, workspace / "run", "cpu"))
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
        data.teacher.image(0), expected * white, atol=rounding, rtol=0, err_msg=f"{file} {name}"
    )


def test_a_teacher_of_a_larger_scale_is_downscaled(workspace):
    """Its x4 image is downscaled by two as in MATLAB."""
    large = registry.get("ecbsr-plain").build(scale=4, m=1, c=4)
    save_network(
        workspace / "x4.safetensors", large, "ecbsr-plain", {"scale": 4, "m": 1, "c": 4}, color="Y"
    )
    table = f'teachers = ["{workspace / "x4.safetensors"}"]'
    phase = distilled_phase(workspace, table, replace=color("grey"))
    data, _ = distilled_data(phase, workspace / "run")
    small = data.small.image(0).permute(2, 0, 1)[None]
    with torch.no_grad():
        answer = large(small)[0, 0].double().numpy()
    expected = imresize(answer, 0.5).clip(0, 1)
    np.testing.assert_allclose(data.teacher.image(0)[..., 0], expected, atol=2e-3, rtol=0)


def teacher_pairs(workspace, name):
    table = 'teachers = ["bicubic"]\npairs = "teacher"'
    phase = distilled_phase(workspace, table, replace=color(name))
    data, _ = distilled_data(phase, workspace / "run")
    data.reduce_teacher_targets()
    return phase, data


@pytest.mark.parametrize("name", ["Y", "RGB", "grey"])
def test_small_images_of_teacher_pairs_are_reductions_of_the_outputs(workspace, name):
    _, data = teacher_pairs(workspace, name)
    # MATLAB rounds 8-bit images after each axis, and the second kernel has negative lobes
    white, rounding = (1, 1e-6) if name == "grey" else (255, 1.25)
    for i in range(len(data.small)):
        expected = imresize(data.teacher.image(i).numpy() / white, 1 / 2).clip(0, 1) * white
        np.testing.assert_allclose(data.teacher_small.image(i), expected, atol=rounding, rtol=0)


def test_mixed_pairs_range_from_the_teachers_to_the_true_ones(workspace):
    _, data = teacher_pairs(workspace, "Y")
    batch = data.draw(Stage(1, 8, 4), torch.Generator().manual_seed(0))
    first, middle, last = (batch.mixed(share) for share in (0.0, 0.5, 1.0))
    assert torch.equal(first.small, batch.teacher_small)
    assert torch.equal(first.large, batch.teacher)
    assert torch.equal(last.small, batch.small)
    assert torch.equal(last.large, batch.large)
    torch.testing.assert_close(middle.large, (batch.teacher + batch.large) / 2)
    assert middle.teacher is None


def test_a_phase_starts_with_the_teachers_pairs(workspace):
    """The loss of the first step does not depend on the true images; that of the second does."""
    losses = []
    for exchanged in (False, True):
        phase, data = teacher_pairs(workspace, "Y")
        if exchanged:
            data.large = data.large.with_pixels(255 - data.large.pixels)
        trainer = Trainer(phase, data, data, CPU)
        losses.append([trainer.step(), trainer.step()])
    (first, second), (first_exchanged, second_exchanged) = losses
    assert first == first_exchanged
    assert second != second_exchanged
