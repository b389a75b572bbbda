"""bfloat16 is used only if its gradients are right on this machine."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn
from torch.backends import cudnn

from napari_sr.architectures.mspn import MSPN
from napari_sr.errors import RecipeError
from napari_sr.inference._machine import autocast as inference_autocast
from napari_sr.training import _precision, train
from napari_sr.training._precision import autocast, find_wrong_gradient, training_convolutions


@pytest.fixture
def dilated_is_wrong(monkeypatch):
    """A PyTorch whose dilated convolutions have no gradient in bfloat16."""
    right = _precision._gradients

    def gradients(conv, inputs, bfloat16):
        wrong = bfloat16 and max(conv.dilation) > 1
        return [each * (0.0 if wrong else 1.0) for each in right(conv, inputs, bfloat16)]

    monkeypatch.setattr(_precision, "_gradients", gradients)


@pytest.mark.parametrize(("channels", "attention"), [(24, "none"), (32, "none"), (16, "large")])
def test_wrong_gradients_of_a_network_are_found(channels, attention):
    torch.manual_seed(0)
    network = MSPN(2, 3, channels, 1, attention, "full").to(memory_format=torch.channels_last)
    small = torch.rand(2, 3, 40, 40).contiguous(memory_format=torch.channels_last)
    large, device = torch.rand(2, 3, 80, 80), torch.device("cpu")

    def gradients(bfloat16):
        with autocast(device, bfloat16):
            output = network(small)
        loss = (output.float() - large).square().mean()
        return torch.autograd.grad(loss, list(network.parameters()))

    close = [
        bool((rounded - exact).norm() < 0.3 * exact.norm())
        for exact, rounded in zip(gradients(False), gradients(True), strict=True)
    ]
    assert all(close) or find_wrong_gradient(network) is not None


def test_the_convolution_with_wrong_gradients_is_named(dilated_is_wrong):
    near, far = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=2, dilation=2)
    assert find_wrong_gradient(nn.Sequential(near, near)) is None
    assert find_wrong_gradient(nn.Sequential(near, far)) == "1"


def test_a_recipe_that_needs_wrong_gradients_is_refused(dilated_is_wrong, dilated_recipe):
    dilated_recipe("bfloat16")
    with pytest.raises(RecipeError, match=r"gradient of blocks.0.wide.convs.1 .* 'float32'"):
        train("recipe.toml", "run", device="cpu")


def test_automatic_precision_avoids_wrong_gradients(dilated_is_wrong, dilated_recipe, monkeypatch):
    def timed(network, step):
        raise AssertionError("timed although the gradients are wrong")

    monkeypatch.setattr("napari_sr.training._trainer.bfloat16_is_faster", timed)
    dilated_recipe("auto")
    train("recipe.toml", "run", device="cpu")


@pytest.mark.parametrize(("precision", "rounded"), [("auto", 19), ("bfloat16", 20), ("float32", 0)])
def test_automatic_precision_ends_in_float32(precision, rounded, workspace, monkeypatch):
    monkeypatch.setattr("napari_sr.training._trainer.find_wrong_gradient", lambda network: None)
    monkeypatch.setattr("napari_sr.training._trainer.bfloat16_is_faster", lambda *_: True)
    seen = []
    monkeypatch.setattr(
        "napari_sr.training._trainer.autocast",
        lambda device, bfloat16: seen.append(bfloat16) or contextlib.nullcontext(),
    )
    path = workspace / "recipe.toml"
    path.write_text(path.read_text().replace('"float32"', f'"{precision}"'))
    train(path, workspace / "run", device="cpu")
    assert seen == [True] * rounded + [False] * (20 - rounded)


@pytest.fixture
def dilated_recipe(workspace, monkeypatch):
    """Writes a recipe of a small MSPN at some precision, two steps long, into the working directory."""
    monkeypatch.chdir(workspace)
    path = workspace / "recipe.toml"

    def write(precision):
        text = path.read_text()
        for old, new in {
            '"ecbsr"': '"mspn"',
            "{ m = 1, c = 4 }": "{ channels = 8, blocks = 1 }",
            "scale = 2\n": 'scale = 2\ncolor = "RGB"\n',
            "iterations = 12": "iterations = 1",
            "iterations = 8": "iterations = 1",
            '"float32"': f'"{precision}"',
        }.items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)

    return write


def test_training_restores_convolution_settings_beside_a_running_inference(monkeypatch):
    monkeypatch.setattr(cudnn, "allow_tf32", True)
    monkeypatch.setattr(cudnn, "benchmark", False)
    run = inference_autocast("cuda", "float32")
    with training_convolutions(torch.device("cuda")):
        assert cudnn.benchmark
        assert not cudnn.allow_tf32
        run.__enter__()
    assert not cudnn.benchmark
    assert not cudnn.allow_tf32
    run.__exit__(None, None, None)
    assert cudnn.allow_tf32
