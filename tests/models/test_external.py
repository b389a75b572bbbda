"""Programs from other sources load as models, or are refused with one line that gives the reason."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn
from torch.nn import functional

from napari_sr import plan, upscale
from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError, ModelNotFoundError
from napari_sr.models import load_model
from napari_sr.models._files import kind_of
from napari_sr.models._torchscript import silence_torchscript_warnings
from napari_sr.models.export import export_model
from tests.models.exporting import small_model

run_program = partial(load_model, trust_program=True)


class Enlarging(nn.Module):
    """Nearest neighbour; takes heights and widths that are multiples of `step` only."""

    def __init__(self, scale=2, channels=3, step=1, range_=1.0):
        super().__init__()
        self.scale, self.step = scale, step
        self.mix = nn.Conv2d(channels, channels, 1, bias=True)
        with torch.no_grad():
            self.mix.weight[:] = torch.eye(channels)[..., None, None]
            self.mix.bias[:] = 0.001 * range_

    def forward(self, x):
        x = functional.pixel_unshuffle(x, self.step) if self.step > 1 else x
        x = functional.pixel_shuffle(x, self.step) if self.step > 1 else x
        return functional.interpolate(self.mix(x), scale_factor=self.scale)


def scripted(network, path):
    channels = network.mix.in_channels if hasattr(network, "mix") else 3
    with silence_torchscript_warnings():
        torch.jit.save(torch.jit.trace(network, torch.rand(1, channels, 32, 32)), str(path))
    return path


def graph(
    path, sides=("height", "width"), batch="batch", scale=3, channels=3, kind=TensorProto.FLOAT
):
    """ONNX written without PyTorch: nearest neighbour."""
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, scale, scale])
    node = helper.make_node("Resize", ["image", "", "scales"], ["large"], mode="nearest")
    entry = helper.make_tensor_value_info("image", kind, [batch, channels, *sides])
    large = helper.make_tensor_value_info("large", kind, None)
    model = helper.make_model(
        helper.make_graph([node], "nearest", [entry], [large], [scales]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2, 5])
def test_scale_and_channels_are_determined_by_running(scale, channels, tmp_path):
    model = run_program(scripted(Enlarging(scale, channels), tmp_path / "theirs.pt"))
    assert model.scales == (scale,)
    assert model.card.color == ("RGB" if channels == 3 else "Y")
    assert model.card.license == "not stated"


@pytest.mark.parametrize("range_", [1.0, 255.0])
def test_the_value_range_is_determined_by_running(range_, tmp_path):
    class Biased(Enlarging):
        def forward(self, x):
            return super().forward(x) + 0.1 * range_ * (x.mean() < 0.1 * range_)

    network = Biased(2, 3, range_=range_)
    path = scripted(network, tmp_path / "theirs.pt")
    assert run_program(path, value_range=255).card.value_range == 255
    if range_ == 255:
        assert run_program(path).card.value_range == 255


@pytest.mark.parametrize("step", [2, 4, 16])
def test_images_are_padded_to_the_step_of_the_program(step, tmp_path):
    path = scripted(Enlarging(2, 1, step), tmp_path / "theirs.pt")
    model = run_program(path, value_range=1)
    x = torch.rand(2, 1, 13, 37)
    y = model.network(2)(x)
    nearest = functional.interpolate(x, scale_factor=2)
    torch.testing.assert_close(y, nearest + 0.001)


def test_a_foreign_onnx_graph_upscales_images(tmp_path):
    path = graph(tmp_path / "theirs.onnx")
    image = np.random.default_rng(0).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    found = upscale(image, 3, run_program(path, value_range=1), tile=16)
    np.testing.assert_array_equal(found, image.repeat(3, 0).repeat(3, 1))


def test_a_graph_for_one_image_at_a_time_takes_batches(tmp_path):
    model = run_program(graph(tmp_path / "one.onnx", batch=1), value_range=1)
    x = torch.rand(3, 3, 8, 9)
    torch.testing.assert_close(model.network(3)(x), functional.interpolate(x, scale_factor=3))


def test_a_graph_can_be_copied_and_sent_to_another_process(tmp_path):
    network = run_program(graph(tmp_path / "a.onnx"), value_range=1).network(3)
    x = torch.rand(1, 3, 5, 6)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin(x), network(x))


def test_a_program_can_be_copied(tmp_path):
    network = run_program(scripted(Enlarging(), tmp_path / "a.pt"), value_range=1).network(2)
    x = torch.rand(1, 3, 5, 6)
    assert torch.equal(copy.deepcopy(network)(x), network(x))


def test_tensors_with_the_suffix_of_programs_are_tensors(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "tensors.pt")
    scripted(Enlarging(), tmp_path / "program.pt")
    found = [kind_of(tmp_path / f"{name}.pt") for name in ("tensors", "program")]
    assert found == ["archive", "torchscript"]
    (tmp_path / "text.pt").write_text("neither")
    with pytest.raises(ModelLoadError, match="truncated or damaged"):
        kind_of(tmp_path / "text.pt")


class Classifier(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Writer(nn.Module):
    def forward(self, x):
        torch.save(x, "stolen")
        return x


def test_a_program_that_could_write_files_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with silence_torchscript_warnings():
        torch.jit.save(torch.jit.script(Writer()), "writer.pt")
    with pytest.raises(
        ModelLoadError, match=r"uses the operator 'torch\.save', which is not allowed"
    ):
        run_program("writer.pt")
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: scripted(Classifier(), path),
            r"whole number of times as large \(3 channels: gives \(1, 3\)",
        ),
        (
            lambda path: graph(path, sides=(64, 64)),
            "takes only images of 64 x 64; export it with dynamic",
        ),
        (
            lambda path: graph(path, kind=TensorProto.UINT8),
            r"one float tensor \(N, C, H, W\), not tensor\(uint8\)",
        ),
        (lambda path: graph(path, channels=4), r"should take images .* \(4 channels: x3\)"),
        (lambda path: path.write_bytes(b"\x08\x07 no graph"), "truncated or damaged"),
    ],
    ids=["classifier", "fixed size", "bytes", "four channels", "garbage"],
)
def test_programs_that_do_not_enlarge_images_are_refused(make, message, tmp_path):
    suffix = ".pt" if "Classifier" in make.__code__.co_names else ".onnx"
    path = tmp_path / f"theirs{suffix}"
    make(path)
    with pytest.raises(ModelLoadError, match=message) as caught:
        run_program(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(path.name)


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_truncated_files_are_refused_in_one_line(suffix, tmp_path):
    path = tmp_path / f"theirs{suffix}"
    whole = (scripted(Enlarging(), path) if suffix == ".pt" else graph(path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelLoadError, match="truncated or damaged") as caught:
        run_program(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no such file"):
        load_model(tmp_path / "nothing.onnx")


def test_missing_onnxruntime_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sr.models._onnx.find_spec", lambda _: None)
    with pytest.raises(ModelLoadError, match=r"pip install 'napari-sr\[onnx\]'"):
        run_program(graph(tmp_path / "a.onnx"))


def test_programs_with_global_context_get_the_whole_image(tmp_path):
    """By itself, the planner cuts an image for such a program only where memory is short: tiles would show seams."""
    export_model(small_model(registry.get("rfdn"), 2), tmp_path / "all.onnx")
    model = run_program(tmp_path / "all.onnx")
    assert model.halo(2) is None
    assert plan((900, 1100, 3), 2, model, dtype=np.uint8).n_tiles == 1


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_cutting_for_a_program_with_global_context_warns_of_seams(suffix, tmp_path, caplog):
    """An export of an attention network is not told where its tiles lie, as the model itself is."""
    export_model(small_model(registry.get("rfdn"), 2), tmp_path / f"all{suffix}")
    model = run_program(tmp_path / f"all{suffix}")
    image = np.random.default_rng(0).integers(0, 256, (190, 40, 3), dtype=np.uint8)
    assert "with seams" in str(plan(image, 2, model, tile=24, measure=False))
    upscale(image, 2, model, tile=(24, 40))
    (said,) = [each for each in caplog.messages if "seams" in each]
    assert said.startswith("all sees more than a tile")
    assert "tile=None" in said


def test_a_program_with_a_small_halo_is_tiled_without_a_warning(tmp_path, caplog):
    model = run_program(scripted(Enlarging(), tmp_path / "theirs.pt"), value_range=1)
    image = np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    upscale(image, 2, model, tile=32)
    assert "seams" not in caplog.text
