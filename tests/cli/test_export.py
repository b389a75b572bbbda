"""``napari-sr models export``: a file, what it is worth in one line, and one line where it cannot be."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from napari_sr.models import load_model
from tests.cli.conftest import files, one_line


def test_a_model_becomes_a_file_that_upscales_like_it(run, picture, tmp_path):
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


def test_json_tells_the_same(run, tmp_path):
    done = run("models", "export", "bicubic", "-s", "2", "-o", tmp_path / "b.ts", "--json")
    found = json.loads(done.stdout)
    assert found["path"] == str(tmp_path / "b.ts")
    assert found["size"] == (tmp_path / "b.ts").stat().st_size
    assert (found["model"], found["scale"], found["format"]) == ("bicubic", 2, "torchscript")


def test_an_exported_program_is_a_model_like_others(run, tmp_path):
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
def test_what_cannot_be_exported_is_one_line_and_no_file(
    run, arguments, reason, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = run("models", "export", *arguments)
    assert done.exit_code == 1
    assert reason in one_line(done)
    assert not files(tmp_path)
