"""A bioimage.io package is valid, and a program that follows its description reproduces its test output."""

from __future__ import annotations

import gc
import zipfile

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from bioimageio.spec import load_description
from bioimageio.spec.model.v0_5 import ModelDescr

from napari_sr.architectures import registry
from napari_sr.models._torchscript import silence_torchscript_warnings
from napari_sr.models.export import export_model
from tests.models.exporting import model_of, small_model

# bioimageio.spec leaves the files that it reads to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def package(model, path, **options):
    """Export, and unpack beside the file; gives the folder and its description."""
    done = export_model(model, path, **options)
    folder = path.with_suffix("")
    with zipfile.ZipFile(done.path) as archive:
        archive.extractall(folder)
    return folder, yaml.safe_load((folder / "rdf.yaml").read_text())


def prepared(image, steps):
    """The steps of preprocessing and postprocessing, as the specification defines them."""
    for step in steps:
        given = step["kwargs"]
        if step["id"] == "scale_range":
            low, high = (np.percentile(image, given[f"{end}_percentile"]) for end in ("min", "max"))
            image = (image - low) / (high - low + given.get("eps", 1e-6))
        elif step["id"] == "scale_linear":
            image = image * given["gain"] + given["offset"]
        else:
            assert step["id"] == "ensure_dtype"
            image = image.astype(given["dtype"])
    return image


def run_torchscript(path, x):
    with silence_torchscript_warnings(), torch.inference_mode():
        return torch.jit.load(str(path))(torch.from_numpy(x)).numpy()


def run_onnx(path, x):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": x})[0]


@pytest.mark.parametrize(("name", "scale"), [("ecbsr", 3), ("rfdn", 4), ("imdn-as", 1)])
def test_following_the_description_reproduces_the_test_output(name, scale, tmp_path):
    model = small_model(registry.get(name), scale)
    folder, rdf = package(model, tmp_path / "model.zip", scale=scale)
    (entry,), (result,) = rdf["inputs"], rdf["outputs"]
    image = np.load(folder / entry["test_tensor"]["source"])
    expected = np.load(folder / result["test_tensor"]["source"])
    x = prepared(image, entry["preprocessing"]).astype(np.float32)
    assert (x.min(), x.max()) == pytest.approx((0, model.card.value_range), abs=1e-3)
    for kind, run in (("torchscript", run_torchscript), ("onnx", run_onnx)):
        y = prepared(run(folder / rdf["weights"][kind]["source"], x), result["postprocessing"])
        np.testing.assert_allclose(y, expected, atol=1e-4 * np.abs(expected).max())
    for axis_in, axis_out in zip(entry["axes"][2:], result["axes"][2:], strict=True):
        # of sizes the specification says: input size * input scale / output scale
        assert axis_in["scale"] / axis_out["scale"] == scale
        assert axis_out.get("halo", 0) == scale * (model_halo(model, scale) or 0)


def model_halo(model, scale):
    network = model.network(scale)
    return None if getattr(network, "alignment", 1) > 1 else model.halo(scale)


def test_bioimageio_spec_finds_packages_valid(tmp_path):
    path = export_model(
        "bicubic", tmp_path / "model.zip", 3, authors=["Ann Other", "Some One"]
    ).path
    found = load_description(path)
    assert isinstance(found, ModelDescr)
    assert found.validation_summary.status in ("valid-format", "passed")
    assert not [w for each in found.validation_summary.details for w in each.errors]
    assert [author.name for author in found.authors] == ["Ann Other", "Some One"]
    assert str(found.license) == "BSD-3-Clause"
    assert found.cite[0].doi == "10.1109/TASSP.1981.1163711"
    del found
    gc.collect()


def test_the_cover_shows_input_and_output_side_by_side(tmp_path):
    folder, rdf = package("bicubic", tmp_path / "model.zip", scale=4)
    picture = cv2.imread(str(folder / rdf["covers"][0]["source"]), cv2.IMREAD_UNCHANGED)
    height, width = picture.shape[:2]
    assert width == 2 * height == 2 * 4 * np.load(folder / "test_input.npy").shape[-1]
    squares = picture[:, :height].reshape(height // 4, 4, height // 4, 4)
    assert (squares == squares[:, :1, :, :1]).all()


@pytest.mark.parametrize(("license", "stored"), [("MIT", "MIT"), ("not stated", None)])
def test_only_spdx_licenses_are_stored(license, stored, tmp_path):
    folder, rdf = package("bicubic", tmp_path / "model.zip", scale=2, license=license)
    assert rdf.get("license") == stored
    assert f"License: {license}" in (folder / "README.md").read_text()


def test_any_title_becomes_a_valid_name(tmp_path):
    model = small_model(registry.get("ecbsr"), 2)
    odd = model_of(model.network(2), "ecbsr-plain")
    folder, rdf = package(odd, tmp_path / "model.zip")
    assert rdf["name"] == "My ecbsr-plain 100 x2"
    assert "Run it on whole images" not in (folder / "README.md").read_text()
