"""Several processes train as one does: real ones, connected by gloo, on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_sr.errors import RecipeError
from napari_sr.training import leads, read_recipe, train, training_steps
from napari_sr.training._dataset import load_data
from napari_sr.training._recipe import Stage
from napari_sr.training._run import RunFolder
from napari_sr.training._teachers import teach
from napari_sr.training._team import ALONE, Team, gather
from napari_sr.training._trainer import Trainer
from tests.training import team_member
from tests.training.conftest import RECIPE, make_images

pytestmark = pytest.mark.skipif(os.name == "nt", reason="training on several GPUs is for Linux")

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
DEGRADED = RECIPE + "\n[degradation]\nblur = [0.3, 1.0]\nread_noise = [0.01, 0.1]\n"
VARIANTS = {
    "adam": RECIPE,
    "soap": RECIPE.replace("[optimisation]", '[optimisation]\noptimiser = "soap"\nclip = 0.5'),
    "degraded": DEGRADED,
}


def start(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Two processes of a program."""
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [*TORCHRUN, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True
    ) as agent:
        try:
            out, err = agent.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            agent.terminate()  # kindly: it ends its processes, too
            raise
    return subprocess.CompletedProcess(command, agent.returncode, out, err)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """What both processes, and one alone, come to, for each recipe."""
    folder = make_images(tmp_path_factory.mktemp("team"))
    paths = {name: folder / f"{name}.toml" for name in VARIANTS}
    for name, path in paths.items():
        path.write_text(VARIANTS[name])
    done = start(folder, team_member.__file__, *paths.values())
    assert done.returncode == 0, done.stderr
    return {
        name: (
            [torch.load(path.with_suffix(f".{rank}.pt")) for rank in range(2)],
            team_member.run(path),
        )
        for name, path in paths.items()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_all_processes_have_the_same_weights(members, name):
    (first, second), _ = members[name]
    for part in ("network", "average"):
        for key, value in first[part].items():
            assert torch.equal(value, second[part][key]), (part, key)
    assert first["losses"] == second["losses"]
    assert torch.equal(first["generator"], second["generator"])


def test_two_processes_take_the_steps_of_one(members):
    """The same whole batches, so the same losses and weights, but for the order of sums."""
    (first, _), alone = members["adam"]
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    for part in ("network", "average"):
        for key, value in alone[part].items():
            torch.testing.assert_close(first[part][key], value, atol=5e-5, rtol=0, msg=key)
    assert torch.equal(first["generator"], alone["generator"])


def test_two_processes_go_down_as_one_does_with_soap(members):
    """Rounding turns its bases where the gradient is nothing: weights differ there, what they give does not."""
    (first, _), alone = members["soap"]
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-3)


def test_shares_make_up_the_batch(workspace):
    data, _ = load_data(read_recipe(workspace / "recipe.toml"))
    data.taught = data.large

    def drawn(team):
        return data.draw(Stage(1, patch=8, batch=6), torch.Generator().manual_seed(4), team)

    whole, shares = drawn(ALONE), [drawn(Team(rank, 3)) for rank in range(3)]
    for part in ("small", "large", "taught"):
        together = torch.cat([getattr(share, part) for share in shares])
        assert torch.equal(together, getattr(whole, part))


def test_each_process_draws_a_noise_of_its_own(workspace):
    (workspace / "recipe.toml").write_text(DEGRADED)
    data, _ = load_data(read_recipe(workspace / "recipe.toml"))
    noise, left = [], []
    for team in (Team(0, 2), Team(1, 2), Team(0, 2)):
        generator = torch.Generator().manual_seed(4)
        own = team.own(generator)
        noise.append(data.degradation(torch.full((1, 1, 40, 40), 0.5), own)[0])
        left.append(torch.rand(3, generator=generator))
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(noise[0], noise[2])
    assert torch.equal(left[0], left[1])


def taught(recipe, folder):
    data, held_out = load_data(recipe)
    list(teach(recipe, data, folder, "cpu"))
    return data, held_out


def test_the_command_line_trains_by_two_processes(workspace):
    """They go on with what one has begun, to where one alone comes; the first writes and prints, once."""
    text = RECIPE.replace("batch = 4", "batch = 8") + '[distillation]\nteachers = ["bicubic"]\n'
    (workspace / "recipe.toml").write_text(text)
    recipe = read_recipe(workspace / "recipe.toml")
    begun = Trainer(recipe, *taught(recipe, workspace / "one"), torch.device("cpu"))
    for _ in range(4):
        begun.step()
    RunFolder(workspace / "two").save_state(begun.state_dict())
    call = ("-m", "napari_sr", "train", "recipe.toml", "-o", "two", "--device", "cpu", "--resume")
    done = start(workspace, *call)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[-3:-1]] == ["10/20", "20/20"]
    assert [line.split()[0] for line in lines[:-3]] == ["teachers:"] * 5
    assert lines[-1].startswith("best weights: ")
    one = load_file(train(workspace / "recipe.toml", workspace / "one"))
    for key, value in load_file(workspace / "two/tiny-x2-best.safetensors").items():
        torch.testing.assert_close(value, one[key], atol=1e-5, rtol=1e-3, msg=key)
    assert (workspace / "two/log.csv").read_text().count("\n") == 3


def as_one_of(monkeypatch, size, rank=0, local=0):
    monkeypatch.setenv("WORLD_SIZE", str(size))
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("LOCAL_RANK", str(local))


def test_a_batch_that_cannot_be_shared_is_refused(workspace, monkeypatch):
    as_one_of(monkeypatch, size=4)
    with pytest.raises(RecipeError, match=r"stage 2: a batch of 2 .* 4 processes"):
        list(training_steps(read_recipe(workspace / "recipe.toml"), workspace / "run"))


@pytest.mark.parametrize(("device", "message"), [("mps", "cuda or cpu"), ("cuda", "there are 1")])
def test_devices_that_do_not_suffice_are_refused(workspace, monkeypatch, device, message):
    as_one_of(monkeypatch, size=2, rank=1, local=1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    recipe = read_recipe(workspace / "recipe.toml")
    with pytest.raises(RecipeError, match=message):
        gather(recipe, device)


def test_only_the_first_process_speaks(monkeypatch):
    assert leads()
    as_one_of(monkeypatch, size=2, rank=1)
    assert not leads()
