"""Exported files agree with their model, in other programs too; files that do not are not kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from napari_sr import upscale
from napari_sr.architectures import registry
from napari_sr.errors import ExportError, FileWriteError, InputError, NapariSRError
from napari_sr.models import load_model
from napari_sr.models._torchscript import silence_torchscript_warnings
from napari_sr.models.export import FORMATS, export_model
from tests.models.exporting import model_of, small_model

ARCHITECTURES = registry.architectures()
CLOSE = 1e-5
"""Of the output's largest value."""


def ids(architectures):
    return [each.id for each in architectures]


def images(network, step):
    """Sizes other than those that the export itself tries, one below the size that was traced, one batch."""
    least = -(-getattr(network, "minimum_size", 1) // step) * step
    for shape in ((1, 20, 24), (3, 36, 28), (1, 40, 100)):
        count, *sides = shape
        yield torch.rand(count, network.in_channels, *(max(side, least) for side in sides))


def difference(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(
    ("at", "architecture"), list(enumerate(ARCHITECTURES)), ids=ids(ARCHITECTURES)
)
class TestEveryArchitecture:
    """Each at one of the scales 2, 3 and 4."""

    def test_torchscript_runs_in_bare_torch_at_any_size(self, at, architecture, tmp_path):
        model = small_model(architecture, 2 + at % 3)
        done = export_model(model, tmp_path / "network.pt")
        with silence_torchscript_warnings():
            program = torch.jit.load(str(done.path))
        network = model.network(done.scale)
        with torch.inference_mode():
            for x in images(network, done.step):
                assert difference(program(x), network(x)) < CLOSE
        code = "".join(str(each.code) for each in program.modules() if hasattr(each, "code"))
        assert "device(" not in code, "made on the CPU, it would fail on a graphics card"

    def test_onnx_runs_in_bare_onnxruntime_at_any_size(self, at, architecture, tmp_path):
        model = small_model(architecture, 2 + at % 3)
        done = export_model(model, tmp_path / "network.onnx")
        session = onnxruntime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
        network = model.network(done.scale)
        with torch.inference_mode():
            for x in images(network, done.step):
                (found,) = session.run(["output"], {"input": x.numpy()})
                assert difference(torch.from_numpy(found), network(x)) < CLOSE

    def test_safetensors_rebuild_the_same_network(self, at, architecture, tmp_path):
        model = small_model(architecture, 2 + at % 3)
        scale = model.scales[0]
        network = model.network(scale)
        if not network.state_dict():
            pytest.skip("has no weights")
        export_model(model, tmp_path / "network.safetensors")
        again = load_model(tmp_path / "network.safetensors")
        assert (again.scales, again.card.color) == (model.scales, model.card.color)
        assert again.card.value_range == model.card.value_range
        x = torch.rand(1, network.in_channels, 40, 44)
        with torch.inference_mode():
            assert torch.equal(again.network(scale)(x), network(x))


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
@pytest.mark.parametrize("name", ["ecbsr", "rfdn", "srvgg", "imdn-as"])
def test_exported_files_load_with_the_card_of_the_model(name, suffix, tmp_path):
    model = small_model(registry.get(name), 2)
    scale = model.scales[0]
    export_model(model, tmp_path / f"mine{suffix}", license="MIT")
    again = load_model(str(tmp_path / f"mine{suffix}"), trust_program=True)
    assert again.card.license == "MIT"
    for fact in ("scales", "color", "value_range", "training_data"):
        assert getattr(again.card, fact) == getattr(model.card, fact)
    # imdn-as has only programs for multiples of 4; any size is taken nevertheless
    x = torch.rand(2, again.network(scale).in_channels, 31, 42)
    assert again.network(scale)(x).shape == (*x.shape[:2], scale * 31, scale * 42)


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
def test_a_local_network_is_tiled_with_its_halo(suffix, tmp_path):
    """The file says how far its network sees, so that tiles change nothing."""
    model = small_model(registry.get("ecbsr"), 2)
    export_model(model, tmp_path / f"mine{suffix}")
    again = load_model(tmp_path / f"mine{suffix}", trust_program=True)
    assert again.halo(2) == model.halo(2)
    image = np.random.default_rng(0).random((50, 43), dtype=np.float32)
    whole = upscale(image, 2, model, tile=None)
    np.testing.assert_allclose(upscale(image, 2, again, tile=16), whole, atol=2e-6)


def test_position_dependent_attention_is_exported_without_a_halo(tmp_path):
    export_model(small_model(registry.get("rfdn"), 2), tmp_path / "mine.pt")
    assert load_model(tmp_path / "mine.pt", trust_program=True).halo(2) is None


class Frozen(nn.Module):
    """Its output's size is a Python number, which a trace remembers: the exported program would fit one size."""

    scale, in_channels = 2, 1

    def forward(self, x):
        sides = [2 * int(side) for side in x.shape[-2:]]
        return functional.interpolate(x, size=sides)


class Doubling(nn.Module):
    scale, in_channels = 2, 1

    def forward(self, x):
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Moody(Doubling):
    """Does another thing for large images, which a trace does not see."""

    def forward(self, x):
        return super().forward(x) * (1 if x.shape[-1] < 60 else 1.001)


@pytest.mark.parametrize("suffix", [".pt", ".onnx"])
@pytest.mark.parametrize(("network", "reason"), [(Frozen, "instead of"), (Moody, "differs by")])
def test_files_that_disagree_with_the_model_are_not_kept(network, reason, suffix, tmp_path):
    path = tmp_path / f"network{suffix}"
    path.write_text("the old file")
    with pytest.raises(ExportError, match=reason):
        export_model(model_of(network()), path)
    assert path.read_text() == "the old file"
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=5, deadline=None)
@given(factor=st.floats(1.0003, 1.5))
def test_differences_above_the_tolerance_are_found(factor):
    class Scaled(Doubling):
        def forward(self, x):
            return super().forward(x) * (factor if torch._C._get_tracing_state() else 1.0)

    with tempfile.TemporaryDirectory() as folder, pytest.raises(ExportError, match="differs"):
        export_model(model_of(Scaled()), Path(folder) / "network.pt")


def test_existing_files_are_replaced_and_folders_created(tmp_path):
    path = tmp_path / "new" / "folder" / "bicubic.onnx"
    first = export_model("bicubic", path, 2)
    second = export_model("bicubic", path, 4)
    assert load_model(path, trust_program=True).scales == (4,)
    assert second.size == path.stat().st_size > first.size
    assert (second.model, second.format, second.difference) == ("bicubic", "onnx", 0)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("a.xyz", {"scale": 2}, ExportError, "suffixes .pt, "),
        (
            "a.pt",
            {"scale": 2, "format": "tensorrt"},
            ExportError,
            "no format .* there are " + FORMATS[0],
        ),
        ("a.pt", {"scale": 2, "format": "onnx"}, ExportError, "belongs to torchscript"),
        ("a.pt", {}, ExportError, "choose one of 2, 3, 4"),
        ("a.pt", {"scale": 5}, InputError, "no native x5"),
        ("a.safetensors", {"scale": 2}, ExportError, "no weights to store"),
        ("file/a.pt", {"scale": 2}, FileWriteError, "cannot be written"),
    ],
)
def test_failed_exports_raise_and_leave_no_file(name, options, error, message, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(error, match=message):
        export_model("bicubic", tmp_path / name, **options)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("suffix", "extra"), [(".onnx", "onnx"), (".zip", "bioimageio")])
def test_missing_packages_are_reported(suffix, extra, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sr.models.export._onnx.find_spec", lambda _: None)
    monkeypatch.setattr("napari_sr.models.export._bioimageio.find_spec", lambda _: None)
    with pytest.raises(ExportError, match=rf"pip install 'napari-sr\[{extra}\]'"):
        export_model("bicubic", tmp_path / f"a{suffix}", 2)


@pytest.mark.parametrize("suffix", [".pt", ".onnx", ".zip"])
def test_a_full_disk_is_reported_and_keeps_the_old_file(suffix, tmp_path):
    """No file may grow beyond 1000 bytes: writing fails in the middle."""
    resource = pytest.importorskip("resource")
    path = tmp_path / f"network{suffix}"
    path.write_text("the old file")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(FileWriteError, match="cannot be written"):
            export_model("bicubic", path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "the old file"
    assert list(tmp_path.iterdir()) == [path]


def test_any_suffix_is_allowed_with_an_explicit_format(tmp_path):
    path = export_model("bicubic", tmp_path / "weights.bin", 3, "torchscript").path
    assert load_model(path, trust_program=True).scales == (3,)


def test_export_errors_have_the_common_base():
    assert issubclass(ExportError, NapariSRError)
