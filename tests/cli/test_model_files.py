"""``napari-sr models download|import|add|remove|export``: licenses are shown; files are complete or absent."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_sr.architectures.espcn import ESPCN
from napari_sr.cli import app
from napari_sr.models import Checkpoint, ModelCard, _catalog, load_model, save_network
from tests.cli.conftest import files, one_line
from tests.models.server import Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server():
    """A web server on this machine."""
    place = Server()
    yield place
    place.close()


@pytest.fixture
def checkpoint(tmp_path):
    """A small network in a file."""
    torch.manual_seed(0)
    config = {"scale": 2, "D": 4, "S": 5}
    return save_network(tmp_path / "My Net.safetensors", ESPCN(**config), "espcn", config)


@pytest.fixture
def publish(server, checkpoint, monkeypatch):
    """Put a model into the catalog whose file the server has, under a license of the test's."""
    server.data = checkpoint.read_bytes()

    def put(license: str, manner: str = "good") -> None:
        url, size = server.url(manner), len(server.data)
        file = Checkpoint(2, "net-x2.safetensors", sha256(checkpoint), url, size)
        card = ModelCard(
            "net-official", "Net", "espcn", "For tests.", "Published", "Y", 1.0, license,
            source="a server on this machine", checkpoints=(file,),
        )  # fmt: skip
        shipped = _catalog._shipped()
        monkeypatch.setattr(_catalog, "_shipped", lambda: (*shipped, card))

    return put


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_download_shows_the_license_and_can_be_used(run, publish, models_home):
    publish("MIT")
    result = run("models", "download", "net-official")
    assert result.exit_code == 0, result.stderr
    assert "from a server on this machine" in result.stdout
    assert "You may use, change and redistribute these weights" in result.stdout
    assert "x2 downloaded and verified" in result.stdout
    assert load_model("net-official").network(2).scale == 2
    again = run("models", "download", "net-official")
    assert again.stdout == "net-official: is on this machine already\n"


@pytest.mark.parametrize("license", ["none stated (no LICENSE file)", "GPL-3.0"])
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130), ("", 1)])
def test_other_licenses_must_be_agreed_to(publish, models_home, license, answer, code):
    """Said plainly before; who says no, or nothing, gets no file."""
    publish(license)
    result = CliRunner().invoke(app, ["models", "download", "net-official"], input=answer)
    assert license in result.stdout
    assert "--yes" in result.stdout
    assert result.exit_code == code
    assert bool(files(models_home)) == (code == 0)


def test_an_agreement_can_be_given_beforehand(run, publish, models_home):
    publish("GPL-3.0")
    result = run("models", "download", "net-official", "--yes")
    assert result.exit_code == 0
    assert "the terms of the GPL apply" in result.stdout


@pytest.mark.parametrize("manner", ["missing", "broken", "wrong", "page"])
def test_a_bad_download_is_one_line_and_leaves_nothing(run, publish, models_home, manner):
    publish("MIT", manner)
    result = run("models", "download", "net-official")
    assert result.exit_code == 1
    one_line(result)
    assert files(models_home) == set()


def test_a_file_is_imported_used_and_removed(run, checkpoint, models_home):
    result = run("models", "import", checkpoint, "--id", "mine", "--license", "MIT")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("mine: x2 in the catalog; ")
    assert "mine" in run("models", "list").stdout
    checkpoint.unlink()
    assert load_model("mine").network(2).scale == 2
    assert "mine" in run("models", "info", "mine").stdout
    assert run("models", "remove", "mine").stdout == "mine: removed from the catalog\n"
    assert "mine" in one_line(run("models", "info", "mine"))


def test_a_model_from_an_address(run, server, checkpoint, models_home):
    server.data = checkpoint.read_bytes()
    url = server.url("good", "net.safetensors")
    call = ("models", "add", "--url", url, "--id", "afar", "--color", "grey", "--sha256")
    assert "SHA-256" in one_line(run(*call, "12"))
    assert "net.safetensors" in one_line(run(*call, "0" * 64))
    assert files(models_home) == set()
    assert run(*call, sha256(checkpoint)).exit_code == 0
    assert load_model("afar").card.color == "grey"


def test_wrong_use(run, checkpoint):
    assert run("models", "import", checkpoint, "--color", "blue").exit_code == 2
    assert "no model is called" in one_line(run("models", "download", "nothing"))
    assert "ships with napari-sr" in one_line(run("models", "remove", "ecbsr"))
    assert "no native x7" in one_line(run("models", "download", "bsrn-official", "-s", "7"))


def test_an_exported_file_upscales_like_the_model(run, picture, tmp_path):
    shown = run("models", "export", "bicubic", "-s", "3", "-o", tmp_path / "b.onnx").stdout
    assert "b.onnx: bicubic x3 as onnx, " in shown
    assert "differs from the model by at most 0.0e+00" in shown
    results = []
    for model in ("bicubic", tmp_path / "b.onnx"):
        out = tmp_path / f"{len(results)}.png"
        done = run("upscale", picture, "-o", out, "-s", "3", "-m", model, "--trust-program")
        assert done.exit_code == 0, done.stderr
        results.append(cv2.imread(str(out)))
    np.testing.assert_array_equal(*results)


def test_export_as_json(run, tmp_path):
    done = run("models", "export", "bicubic", "-s", "2", "-o", tmp_path / "b.ts", "--json")
    found = json.loads(done.stdout)
    assert found["path"] == str(tmp_path / "b.ts")
    assert found["size"] == (tmp_path / "b.ts").stat().st_size
    assert (found["model"], found["scale"], found["format"]) == ("bicubic", 2, "torchscript")


def test_an_exported_program_can_be_used_as_a_model(run, tmp_path):
    run("models", "export", "bicubic", "-s", "2", "-o", tmp_path / "b.pt", "--license", "MIT")
    card = json.loads(run("models", "info", tmp_path / "b.pt", "--json", "--trust-program").stdout)
    assert (card["license"], card["architecture"]) == ("MIT", "torchscript")
    assert load_model(tmp_path / "b.pt", trust_program=True).scales == (2,)


def test_a_program_needs_an_agreement(run, picture, tmp_path):
    """Of every command that takes a file; with the agreement, an imported program runs by its id alone."""
    program = tmp_path / "b.onnx"
    run("models", "export", "bicubic", "-s", "2", "-o", program)
    for command in (
        ["upscale", picture, "-o", tmp_path / "no.png", "-m", program],
        ["models", "info", program],
        ["models", "import", program],
        ["models", "export", program, "-o", tmp_path / "no.pt"],
        ["benchmark", "-m", program],
        ["evaluate", "-m", program, "--hr", tmp_path],
    ):
        done = run(*command)
        assert done.exit_code == 1
        line = one_line(done)
        assert "b.onnx: is a program (ONNX) that would run on this machine" in line
        assert "--trust-program" in line
    assert not (tmp_path / "no.png").exists()
    done = run("models", "import", program, "--trust-program")
    assert done.exit_code == 0, done.stderr
    done = run("upscale", picture, "-o", tmp_path / "yes.png", "-m", "b")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["bicubic", "-o", "b.pt"], "choose one of 2, 3, 4"),
        (["bicubic", "-s", "7", "-o", "b.pt"], "no native x7"),
        (["bicubic", "-s", "2", "-o", "b.safetensors"], "no weights to store"),
        (["bicubic", "-s", "2", "-o", "b.jpg"], "suffixes .pt"),
        (["bicubix", "-s", "2", "-o", "b.pt"], "bicubix"),
    ],
)
def test_a_failed_export_is_one_line_and_leaves_no_file(
    run, arguments, reason, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = run("models", "export", *arguments)
    assert done.exit_code == 1
    assert reason in one_line(done)
    assert not files(tmp_path)
