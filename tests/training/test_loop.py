"""Training for real, on small images: it learns, it resumes as if it had never stopped, it keeps what it made."""

from __future__ import annotations

import itertools

import pytest
import torch
from safetensors.torch import load_file

from napari_sr.errors import RecipeError
from napari_sr.models import load_model
from napari_sr.training import read_recipe, train, training_steps
from napari_sr.training._dataset import load_data
from napari_sr.training._run import RunFolder
from napari_sr.training._trainer import Trainer


def trainer(workspace):
    recipe = read_recipe(workspace / "recipe.toml")
    return Trainer(recipe, *load_data(recipe), torch.device("cpu"))


def test_it_learns(workspace):
    text = (workspace / "recipe.toml").read_text()
    longer = text.replace("iterations = 12", "iterations = 150").replace("lr = 1e-3", "lr = 5e-3")
    (workspace / "recipe.toml").write_text(longer)
    run = trainer(workspace)
    before = run.validate(0).psnr
    while run.iteration < run.recipe.iterations:
        run.step()
    assert run.validate(0).psnr > before + 2


def test_a_run_leaves_weights_log_and_curve(workspace):
    best = train(workspace / "recipe.toml", workspace / "run")
    assert load_model(best).scales == (2,)
    assert [entry.iteration for entry in RunFolder(workspace / "run").entries()] == [10, 20]
    assert (workspace / "run/curve.svg").read_text().startswith("<?xml")


def test_resumed_equals_uninterrupted(workspace):
    """Same weights to the last bit: patches, moments, averages and rates all go on."""
    whole, first, second = (trainer(workspace) for _ in range(3))
    for _ in range(14):
        whole.step()
    for _ in range(7):
        first.step()
    folder = RunFolder(workspace / "state")
    folder.save_state(first.state_dict())
    second.load_state_dict(folder.load_state())
    for _ in range(7):
        second.step()
    for name, value in whole.average.network.state_dict().items():
        assert torch.equal(value, second.average.network.state_dict()[name]), name


def test_stopping_between_steps_leaves_what_was_saved(workspace):
    steps = training_steps(read_recipe(workspace / "recipe.toml"), workspace / "run")
    for _ in itertools.islice(steps, 11):
        pass
    steps.close()
    assert (workspace / "run/tiny-x2-best.safetensors").exists()
    assert not list((workspace / "run").glob("*.part"))


def test_what_a_stopped_run_logged_after_its_last_state_is_logged_once(workspace):
    recipe, folder = read_recipe(workspace / "recipe.toml"), RunFolder(workspace / "run")
    run = trainer(workspace)
    for _ in range(7):
        run.step()
    folder.save_state(run.state_dict())
    for _ in range(3):
        run.step()
    folder.append(run.validate(0))
    (before,) = folder.entries()
    for _ in training_steps(recipe, folder.path, resume=True):
        pass
    again, last = folder.entries()
    assert (again.iteration, last.iteration) == (10, 20)
    assert again.psnr == pytest.approx(before.psnr)
    assert not list(folder.path.glob("*.part"))


def test_what_was_logged_up_to_the_last_state_stays_as_it_is(workspace):
    train(workspace / "recipe.toml", workspace / "run")
    before = (workspace / "run/log.csv").read_bytes()
    train(workspace / "recipe.toml", workspace / "run", resume=True)
    assert (workspace / "run/log.csv").read_bytes() == before


def test_a_finished_run_is_not_overwritten_by_chance(workspace):
    train(workspace / "recipe.toml", workspace / "run")
    with pytest.raises(RecipeError, match="--resume"):
        train(workspace / "recipe.toml", workspace / "run")


def test_nothing_to_resume_is_said(workspace):
    with pytest.raises(RecipeError, match="resume"):
        train(workspace / "recipe.toml", workspace / "run", resume=True)


def test_weights_of_another_scale_serve_as_a_start(workspace):
    best = train(workspace / "recipe.toml", workspace / "run")
    text = (workspace / "recipe.toml").read_text().replace("scale = 2", "scale = 3")
    (workspace / "x3.toml").write_text(text.replace("[data]", f'init = "{best}"\n[data]'))
    recipe = read_recipe(workspace / "x3.toml")
    started = Trainer(recipe, *load_data(recipe), torch.device("cpu")).network.state_dict()
    for name, value in load_file(best).items():
        if started[name].shape == value.shape:
            assert torch.equal(started[name], value), name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('train = "images"', 'train = "nowhere"', "not a folder"),
        ('train = "images"', 'train = "empty"', "no images"),
        ("patch = 12", "patch = 400", "do not fit"),
        ("m = 1", "depth = 1", "config"),
        ("[data]", 'init = "nowhere.safetensors"\n[data]', "init"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(workspace, old, new, message):
    (workspace / "empty").mkdir()
    text = (workspace / "recipe.toml").read_text().replace(old, new)
    (workspace / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        train(workspace / "recipe.toml", workspace / "run")


def test_patches_of_a_later_stage_that_do_not_fit_are_refused_before_the_first_step(workspace):
    path = workspace / "recipe.toml"
    stage = "[[stage]]\niterations = 5\npatch = 31\nbatch = 2\n\n"
    path.write_text(path.read_text().replace("[schedule]", stage + "[schedule]", 1))
    load_data(read_recipe(path))
    path.write_text(path.read_text() + "\n[degradation]\nblur = [0.3, 0.6]\n")
    with pytest.raises(RecipeError, match=r"31 pixels and 5 around each do not fit.*room for 25"):
        train(path, workspace / "run")
    assert not (workspace / "run/log.csv").exists()


def test_an_unreadable_image_is_named(workspace):
    (workspace / "images/3.png").write_text("not an image")
    with pytest.raises(RecipeError, match=r"3\.png"):
        train(workspace / "recipe.toml", workspace / "run")


@pytest.mark.parametrize("color", ["RGB", "grey"])
def test_other_colors_train_too(workspace, color):
    channels = 3 if color == "RGB" else 1
    text = (workspace / "recipe.toml").read_text()
    text = text.replace("c = 4 }", f"c = 4, in_channels = {channels} }}\ncolor = '{color}'")
    (workspace / "recipe.toml").write_text(text)
    best = train(workspace / "recipe.toml", workspace / "run")
    assert load_model(best).card.color == color


def test_whitened_filters_are_ordinary_filters_when_saved(workspace):
    """The same function, in a file that knows nothing of how it was trained."""
    text = (workspace / "recipe.toml").read_text()
    text = text.replace('"ecbsr"', '"esr-tm"').replace("{ m = 1, c = 4 }", "{ K = 5, C = 2 }")
    (workspace / "recipe.toml").write_text(
        text.replace("[optimisation]", "[optimisation]\nwhiten = true")
    )
    run = trainer(workspace)
    for _ in range(5):
        run.step()
    x = torch.rand(1, 1, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(run.plain()(x), run.average.network(x), atol=1e-5, rtol=0)
    assert set(run.plain().state_dict()) == {"filter.weight"}
    best = train(workspace / "recipe.toml", workspace / "run")
    assert load_model(best).card.architecture == "esr-tm"


def test_whitening_helps_filters_learn(workspace):
    """In equally many steps, the loss of the same network on the same patches falls further."""
    text = (workspace / "recipe.toml").read_text()
    text = text.replace('"ecbsr"', '"esr-tm"').replace("{ m = 1, c = 4 }", "{ K = 5, C = 4 }")
    text = text.replace("iterations = 12", "iterations = 300").replace("lr = 1e-3", "lr = 2e-3")
    psnr = {}
    for whitened in (False, True):
        option = f"[optimisation]\nwhiten = {str(whitened).lower()}"
        (workspace / "recipe.toml").write_text(text.replace("[optimisation]", option))
        run = trainer(workspace)
        while run.iteration < run.recipe.iterations:
            run.step()
        psnr[whitened] = run.validate(0).psnr
    assert psnr[True] > psnr[False] + 0.5


def test_whitening_needs_a_bank_of_filters(workspace):
    text = (workspace / "recipe.toml").read_text()
    (workspace / "recipe.toml").write_text(
        text.replace("[optimisation]", "[optimisation]\nwhiten = true")
    )
    with pytest.raises(RecipeError, match="whiten"):
        train(workspace / "recipe.toml", workspace / "run")
