"""Options of the command line agree with `UpscaleOptions`, and other spellings are accepted."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import get_args

import pytest
import torch
import typer.main

from napari_sr.cli import _options, app
from napari_sr.cli._upscale import upscale
from napari_sr.inference import Precision, TileMode, UpscaleOptions
from napari_sr.io import read_image
from tests.cli.conftest import one_line

PARSERS = {"scale": _options.parse_scale, "tile": _options.parse_tile}


@pytest.mark.parametrize("field", fields(UpscaleOptions), ids=lambda field: field.name)
def test_defaults_are_those_of_the_options(field):
    """Every field is an option of the same name, with the same default."""
    parameter = inspect.signature(upscale).parameters[field.name]
    default = PARSERS.get(field.name, lambda value: value)(parameter.default)
    made = UpscaleOptions(**{field.name: default})
    assert getattr(made, field.name) == getattr(UpscaleOptions(), field.name)


@pytest.mark.parametrize(("name", "choices"), [("precision", Precision), ("tile_mode", TileMode)])
def test_help_names_all_choices(name, choices):
    command = typer.main.get_command(app).commands["upscale"]
    (option,) = (each for each in command.params if each.name == name)
    assert all(choice in option.help for choice in get_args(choices))


@pytest.mark.parametrize(
    ("spelling", "precision"),
    [("fp32", "float32"), ("BF16", "bfloat16"), ("fp16", "float16"), ("half", "float16")],
)
def test_precisions_have_short_names(run, picture, tmp_path, spelling, precision):
    call = ("upscale", picture, "-o", tmp_path / "o.tif", "-m", "bicubic", "--precision", spelling)
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    assert read_image(tmp_path / "o.tif").metadata["napari_sr"]["precision"] == precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a graphics card")
def test_gpu_means_cuda(run, picture, tmp_path):
    gpu, cuda = (
        one_line(run("upscale", picture, "-o", tmp_path / "o.png", "--device", device)).split(": ")[
            -1
        ]
        for device in ("gpu", "cuda")
    )
    assert gpu.replace("gpu", "cuda") == cuda


def test_british_spellings_are_accepted(run, picture, tmp_path):
    call = ("upscale", picture, "-m", "bicubic", "--colour", "grey", "--out", tmp_path / "o.png")
    assert run(*call).exit_code == 0
    call = ("models", "export", "bicubic", "-s", "2", "--licence", "MIT", "-o", tmp_path / "b.pt")
    assert run(*call).exit_code == 0
