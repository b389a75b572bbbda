"""Training on small images: it learns, resumes exactly, keeps its results, and runs phase by phase."""

from __future__ import annotations

import itertools

import pytest
import torch
from safetensors.torch import load_file

from napari_sr.errors import RecipeError
from napari_sr.models import load_model
from napari_sr.training import RunFolder, Trainer, read_recipe, train, training_steps
from napari_sr.training._dataset import load_data
from tests.training.conftest import read_phase


def trainer(workspace):
    phase = read_phase(workspace / "recipe.toml")
    return Trainer(phase, *load_data(phase), torch.device("cpu"))


def test_it_learns(workspace):
    text = (workspace / "recipe.toml").read_text()
    longer = text.replace("iterations = 12", "iterations = 150").replace("lr = 1e-3", "lr = 5e-3")
    (workspace / "recipe.toml").write_text(longer)
    run = trainer(workspace)
    before = run.validate(0).psnr
    while run.iteration < run.phase.iterations:
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
    for name, value in whole.average.module.state_dict().items():
        assert torch.equal(value, second.average.module.state_dict()[name]), name


def test_stopping_between_steps_keeps_what_was_saved(workspace):
    steps = training_steps(read_recipe(workspace / "recipe.toml"), workspace / "run")
    for _ in itertools.islice(steps, 11):
        pass
    steps.close()
    assert (workspace / "run/tiny-x2-best.safetensors").exists()
    assert not list((workspace / "run").glob(".*"))


def test_lines_after_the_last_saved_state_are_logged_once(workspace):
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
    assert not list(folder.path.glob(".*"))


def test_resuming_a_finished_run_changes_nothing(workspace):
    train(workspace / "recipe.toml", workspace / "run")
    before = (workspace / "run/log.csv").read_bytes()
    train(workspace / "recipe.toml", workspace / "run", resume=True)
    assert (workspace / "run/log.csv").read_bytes() == before


def test_a_finished_run_is_not_overwritten(workspace):
    train(workspace / "recipe.toml", workspace / "run")
    with pytest.raises(RecipeError, match="--resume"):
        train(workspace / "recipe.toml", workspace / "run")


def test_resuming_without_a_state_is_refused(workspace):
    with pytest.raises(RecipeError, match="resume"):
        train(workspace / "recipe.toml", workspace / "run", resume=True)


def test_training_starts_from_weights_of_another_scale(workspace):
    best = train(workspace / "recipe.toml", workspace / "run")
    text = (workspace / "recipe.toml").read_text().replace("scale = 2", "scale = 3")
    (workspace / "x3.toml").write_text(text.replace("[data]", f'init = "{best}"\n[data]'))
    phase = read_phase(workspace / "x3.toml")
    started = Trainer(phase, *load_data(phase), torch.device("cpu")).network.state_dict()
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
def test_what_cannot_be_trained_is_one_clear_line(workspace, old, new, message):
    (workspace / "empty").mkdir()
    text = (workspace / "recipe.toml").read_text().replace(old, new)
    (workspace / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        train(workspace / "recipe.toml", workspace / "run")


def test_too_large_patches_of_a_later_stage_are_refused_before_the_first_step(workspace):
    path = workspace / "recipe.toml"
    stage = "[[stage]]\niterations = 5\npatch = 31\nbatch = 2\n\n"
    path.write_text(path.read_text().replace("[schedule]", stage + "[schedule]", 1))
    load_data(read_phase(path))
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
    """The saved network computes the same function without the reparameterization."""
    text = (workspace / "recipe.toml").read_text()
    text = text.replace('"ecbsr"', '"esr-tm"').replace("{ m = 1, c = 4 }", "{ K = 5, C = 2 }")
    (workspace / "recipe.toml").write_text(
        text.replace("[optimization]", "[optimization]\nwhiten = true")
    )
    run = trainer(workspace)
    for _ in range(5):
        run.step()
    x = torch.rand(1, 1, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(
            run.averaged_network()(x), run.average.module(x), atol=1e-5, rtol=0
        )
    assert set(run.averaged_network().state_dict()) == {"filter.weight"}
    best = train(workspace / "recipe.toml", workspace / "run")
    assert load_model(best).card.architecture == "esr-tm"


def test_whitening_helps_filters_learn(workspace):
    """After the same number of steps on the same patches the PSNR is higher."""
    text = (workspace / "recipe.toml").read_text()
    text = text.replace('"ecbsr"', '"esr-tm"').replace("{ m = 1, c = 4 }", "{ K = 5, C = 4 }")
    text = text.replace("iterations = 12", "iterations = 300").replace("lr = 1e-3", "lr = 2e-3")
    psnr = {}
    for whitened in (False, True):
        option = f"[optimization]\nwhiten = {str(whitened).lower()}"
        (workspace / "recipe.toml").write_text(text.replace("[optimization]", option))
        run = trainer(workspace)
        while run.iteration < run.phase.iterations:
            run.step()
        psnr[whitened] = run.validate(0).psnr
    assert psnr[True] > psnr[False] + 0.5


def test_whitening_needs_a_bank_of_filters(workspace):
    text = (workspace / "recipe.toml").read_text()
    (workspace / "recipe.toml").write_text(
        text.replace("[optimization]", "[optimization]\nwhiten = true")
    )
    with pytest.raises(RecipeError, match="whiten"):
        train(workspace / "recipe.toml", workspace / "run")


PHASES = """
[[phase]]
stage = [{ iterations = 6, patch = 12, batch = 4 }]

[[phase]]
name = "other"
stage = [{ iterations = 9, patch = 12, batch = 4 }]
schedule.stop_after = 4

[[phase]]
model.init = ["tiny-x2/1", "tiny-x2/other"]
stage = [{ iterations = 1, patch = 12, batch = 4 }]
schedule.lr = 0.0
schedule.lr_min = 0.0
"""


def phases(workspace):
    path = workspace / "recipe.toml"
    path.write_text(path.read_text() + PHASES)
    return read_recipe(path)


def test_each_phase_starts_from_the_best_weights_of_the_one_before(workspace):
    recipe = phases(workspace)
    steps = list(training_steps(recipe, workspace / "run"))
    assert [(step.phase, step.iteration) for step in steps] == [
        *(("1", i) for i in range(1, 7)),
        *(("other", i) for i in range(7, 11)),
        ("3", 11),
    ]
    assert {step.iterations for step in steps} == {recipe.iterations} == {11}
    first, second, third = (
        load_file(workspace / f"run/phase-{name}/tiny-x2-best.safetensors")
        for name in ("1", "other", "3")
    )
    assert any(not torch.equal(first[name], second[name]) for name in first)
    for name, value in third.items():
        torch.testing.assert_close(value, (first[name] + second[name]) / 2)


def test_a_run_of_several_phases_gets_the_last_weights_and_the_joined_log(workspace):
    best = train(phases(workspace), workspace / "run")
    assert best.read_bytes() == (workspace / "run/phase-3" / best.name).read_bytes()
    assert [each.iteration for each in RunFolder(workspace / "run").entries()] == [6, 10, 11]
    assert load_model(best).scales == (2,)


@pytest.mark.parametrize("steps", [3, 8])
def test_a_run_of_several_phases_resumes_in_its_phase(workspace, steps, monkeypatch):
    monkeypatch.setattr("napari_sr.training._loop.SAVE_SECONDS", 0.0)
    recipe = phases(workspace)
    whole = train(recipe, workspace / "whole")
    for _ in itertools.islice(training_steps(recipe, workspace / "run"), steps):
        pass
    with pytest.raises(RecipeError, match="--resume"):
        train(recipe, workspace / "run")
    again = list(training_steps(recipe, workspace / "run", resume=True))
    assert [step.iteration for step in again] == list(range(steps + 1, 12))
    resumed = load_file(workspace / "run" / whole.name)
    for name, value in load_file(whole).items():
        assert torch.equal(value, resumed[name]), name


def test_a_recipe_starts_from_a_run_beside_it(workspace):
    text = (workspace / "recipe.toml").read_text()
    third = text.replace("scale = 2", 'scale = 3\ninit = "tiny-x2/1"')
    (workspace / "x3.toml").write_text(third)
    with pytest.raises(RecipeError, match=r"train tiny-x2 into .* first"):
        train(workspace / "x3.toml", workspace / "runs/tiny-x3")
    start = load_file(train(workspace / "recipe.toml", workspace / "runs/tiny-x2"))
    still = third.replace("lr = 1e-3", "lr = 0.0\nlr_min = 0.0")
    (workspace / "x3.toml").write_text(still)
    trained = load_file(train(workspace / "x3.toml", workspace / "runs/tiny-x3"))
    same = [name for name in start if start[name].shape == trained[name].shape]
    assert same
    for name in same:
        torch.testing.assert_close(trained[name], start[name], msg=name)


def test_a_run_that_diverges_is_a_clear_error(workspace):
    path = workspace / "recipe.toml"
    path.write_text(path.read_text().replace("lr = 1e-3", "lr = inf"))
    with pytest.raises(RecipeError, match="diverged"):
        train(path, workspace / "run")


def test_progress_is_reported_and_stops_the_run(workspace):
    class StopError(Exception):
        pass

    seen = []

    def progress(state):
        seen.append((state.iteration, state.iterations))
        if len(seen) == 3:
            raise StopError

    with pytest.raises(StopError):
        train(workspace / "recipe.toml", workspace / "run", progress=progress)
    assert seen == [(1, 20), (2, 20), (3, 20)]
