"""bioimage.io packages: a zip file with weights, test data and a description that other bioimaging programs read.

The weights are TorchScript and, where ONNX is installed, ONNX as well, so that no program needs the code of this
project. The description tells a program to stretch the intensities of an image from their smallest and largest value to
the range of the network; the result is in [0, 1] between the same two values.
"""

from __future__ import annotations

import gc
import re
import tempfile
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from napari_sr._text import one_line
from napari_sr.architectures import registry
from napari_sr.errors import ExportError, ModelLoadError
from napari_sr.models._onnx import read_onnx
from napari_sr.models._torchscript import read_torchscript
from napari_sr.models.export._compare import Program, agreement
from napari_sr.models.export._facts import smallest
from napari_sr.models.export._onnx import OPSET, have_onnx, write_onnx
from napari_sr.models.export._torchscript import write_torchscript

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bioimageio.spec.model.v0_5 import ModelDescr
    from numpy.typing import NDArray
    from torch import nn

    Pixels = NDArray[np.float32]

__all__ = ["read_package", "write_package"]

TORCHSCRIPT, ONNX, README = "weights.pt", "weights.onnx", "README.md"
INPUT, OUTPUT, COVER = "test_input.npy", "test_output.npy", "cover.png"
"""Names of the files in a package."""

_DEVELOPERS = "The napari-sr developers"
"""Who packages a model, and the author of one that has no other source."""
_TITLE_LIMIT = 100
"""Characters of a title that go into the name; with the scale it stays below the 128 that bioimageio.spec allows."""
_EPS = 1e-6
"""Added to the range of the intensities before it divides: the default of bioimage.io's scale_range."""
_SIDE = 96
"""Side of the test image in pixels, small enough for a package; more where the halo is large."""


def write_package(path: Path, network: nn.Module, facts: Mapping[str, str]) -> None:
    """Write a network as a bioimage.io package that bioimageio.spec finds valid.

    Parameters
    ----------
    path : Path
        The zip file.
    network : torch.nn.Module
        In evaluation mode.
    facts : mapping of str to str
        For the description.

    Raises
    ------
    ExportError
        If bioimageio.spec is missing or finds something wrong.
    """
    if find_spec("bioimageio") is None:
        raise ExportError("needs bioimageio.spec; run: pip install 'napari-sr[bioimageio]'")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-") as name:
        folder = Path(name)
        write_torchscript(folder / TORCHSCRIPT, network, facts)
        if have_onnx():
            write_onnx(folder / ONNX, network, facts)
        program = read_torchscript(folder / TORCHSCRIPT)
        step = agreement(program, network, float(facts["value_range"])).step
        sizes = _write_test_data(folder, network, facts, step)
        with _closing_files():
            _pack(path, _model_description(folder, facts, sizes))
            _check(path)


@contextmanager
def _closing_files() -> Iterator[None]:
    """Close the files that bioimageio.spec (0.5.14) leaves to the garbage collector, which warns of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


def read_package(path: Path) -> list[Program]:
    """Open the programs in a package."""
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-") as name,
        zipfile.ZipFile(path) as archive,
    ):
        archive.extractall(name)
        programs: list[Program] = [read_torchscript(Path(name, TORCHSCRIPT))]
        if ONNX in archive.namelist():
            programs.append(read_onnx(Path(name, ONNX)))
        return programs


def _pack(path: Path, description: ModelDescr) -> None:
    from bioimageio.spec import save_bioimageio_package

    try:
        save_bioimageio_package(description, output_path=path)
    except ValueError as error:
        raise ExportError(
            f"bioimageio.spec cannot make the package: {one_line(str(error))}"
        ) from error


def _check(path: Path) -> None:
    """Let bioimageio.spec read the package as another program would."""
    from bioimageio.spec import load_description

    summary = load_description(path).validation_summary
    if summary.status == "failed":
        problems = "; ".join(each.msg for detail in summary.details for each in detail.errors)
        raise ExportError(f"bioimageio.spec finds the package not valid: {problems}")


@dataclass(frozen=True, slots=True)
class _ImageSizes:
    """Sizes of images that a program may give to the network."""

    least: int
    """Shortest side, so that something remains when the halo is cut off."""
    step: int
    """Every side is `least` plus a multiple of this."""


def _write_test_data(
    folder: Path, network: nn.Module, facts: Mapping[str, str], step: int
) -> _ImageSizes:
    """Write `INPUT`, `OUTPUT` and `COVER` for a network whose sides must be multiples of `step`."""
    least = max(smallest(network), 2 * int(facts["halo"] or 0) + 1)
    least = -(-least // step) * step
    side = max(_SIDE, least)
    image = _test_image(int(facts["in_channels"]), side + -side % step)
    enlarged = _run(network, image, float(facts["value_range"]))
    np.save(folder / INPUT, image)
    np.save(folder / OUTPUT, enlarged)
    _write_cover(folder / COVER, image, enlarged)
    return _ImageSizes(least, step)


def _test_image(channels: int, side: int) -> Pixels:
    """Part of an image in the public domain, shape (1, channels, side, side), values to 255."""
    from skimage import data

    if channels == 3:
        found = data.astronaut()[60 : 60 + side, 170 : 170 + side].transpose(2, 0, 1)
    else:
        found = data.cell()[120 : 120 + side, 150 : 150 + side][None]
    return np.ascontiguousarray(found[None], dtype=np.float32)


def _run(network: nn.Module, image: Pixels, value_range: float) -> Pixels:
    """Output of a program that follows the description."""
    low, high = image.min(), image.max()
    stretched = (image - low) / (high - low + _EPS) * value_range
    with torch.inference_mode():
        output: Any = network(torch.from_numpy(stretched)).numpy()
    result: Pixels = (output / value_range).astype(np.float32)
    return result


def _write_cover(path: Path, image: Pixels, enlarged: Pixels) -> None:
    """Write input (each pixel a square) and output side by side, twice as wide as high."""
    scale = enlarged.shape[-1] // image.shape[-1]
    low, high = image.min(), image.max()
    squares = ((image - low) / (high - low)).repeat(scale, axis=2).repeat(scale, axis=3)
    both = np.concatenate([squares, enlarged], axis=3)[0].transpose(1, 2, 0)
    picture = (both.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    cv2.imwrite(str(path), picture[..., ::-1] if picture.shape[-1] == 3 else picture)


def _model_description(folder: Path, facts: Mapping[str, str], sizes: _ImageSizes) -> ModelDescr:
    """Describe the files of a package, and write its documentation; ExportError if bioimageio.spec refuses it."""
    from bioimageio.spec.model import v0_5

    (folder / README).write_text(_documentation(facts), encoding="utf-8")
    parts: dict[str, Any] = {
        "name": f"{_valid_name(facts['title'])} x{facts['scale']}",
        "description": f"Super-resolution: images {facts['scale']} times as large along Y and X.",
        "authors": _authors(facts),
        "packaged_by": [{"name": _DEVELOPERS}],
        "cite": [_citation(facts)],
        "license": _license(facts),
        "documentation": {"source": folder / README},
        "covers": [{"source": folder / COVER}],
        "tags": [
            "super-resolution",
            "upscaling",
            "2d",
            "pytorch",
            "napari-sr",
            facts["architecture"],
        ],
        "inputs": [_input(folder, facts, sizes)],
        "outputs": [_output(folder, facts)],
        "weights": _weights(folder),
    }
    try:
        return v0_5.ModelDescr.model_validate(parts)
    except ValueError as error:
        raise ExportError(
            f"bioimageio.spec does not accept the description: {one_line(str(error))}"
        ) from error


def _valid_name(title: str) -> str:
    """Title without the characters that bioimage.io does not allow in a name."""
    return re.sub(r"[^\w +()-]", "", title)[:_TITLE_LIMIT].strip()


def _authors(facts: Mapping[str, str]) -> list[dict[str, str]]:
    if facts["authors"]:
        return [{"name": name.strip()} for name in facts["authors"].split(",")]
    official = facts["source"].startswith("http")
    return [{"name": f"The authors of {_valid_name(facts['title'])}" if official else _DEVELOPERS}]


def _citation(facts: Mapping[str, str]) -> dict[str, str]:
    try:
        architecture = registry.get(facts["architecture"])
    except ModelLoadError:
        return {"text": facts["paper"] or facts["title"], "url": "https://bioimage.io"}
    doi = architecture.url.removeprefix("https://doi.org/")
    where = {"url": architecture.url} if doi == architecture.url else {"doi": doi}
    return {"text": architecture.paper, **where}


def _license(facts: Mapping[str, str]) -> str | None:
    """License if it is an SPDX identifier; the documentation states it in any case."""
    from bioimageio.spec.generic.v0_3 import LicenseId

    try:
        return str(LicenseId(facts["license"]))
    except ValueError:
        return None


def _space(axis: str, size: Mapping[str, Any], scale: int, **more: Any) -> dict[str, Any]:
    # scale is the size of a pixel in any unit, the output's pixel being 1: a whole number also at x3
    return {"type": "space", "id": axis, "size": size, "scale": float(scale), **more}


def _axes(facts: Mapping[str, str], spaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ["red", "green", "blue"] if facts["in_channels"] == "3" else ["intensity"]
    return [{"type": "batch"}, {"type": "channel", "channel_names": names}, *spaces]


def _input(folder: Path, facts: Mapping[str, str], sizes: _ImageSizes) -> dict[str, Any]:
    size = {"min": sizes.least, "step": sizes.step}
    # eps is left to its default: written as 1e-06, YAML 1.1 would read it as text
    stretch = {"axes": ["channel", "y", "x"], "min_percentile": 0, "max_percentile": 100}
    steps = [{"id": "scale_range", "kwargs": stretch}]
    return {
        "id": "input",
        "description": "The image, in any intensities",
        "axes": _axes(facts, [_space(axis, size, int(facts["scale"])) for axis in "yx"]),
        "test_tensor": {"source": folder / INPUT},
        "data": {"type": "float32"},
        "preprocessing": steps + _gain(float(facts["value_range"])),
    }


def _output(folder: Path, facts: Mapping[str, str]) -> dict[str, Any]:
    halo = int(facts["halo"] or 0) * int(facts["scale"])
    cut = {"halo": halo} if halo else {}
    spaces = [_space(axis, {"tensor_id": "input", "axis_id": axis}, 1, **cut) for axis in "yx"]
    return {
        "id": "output",
        "description": "The enlarged image; 0 and 1 are the smallest and the largest value of the input",
        "axes": _axes(facts, spaces),
        "test_tensor": {"source": folder / OUTPUT},
        "data": {"type": "float32"},
        "postprocessing": _gain(1 / float(facts["value_range"])),
    }


def _gain(gain: float) -> list[dict[str, Any]]:
    return [] if gain == 1 else [{"id": "scale_linear", "kwargs": {"gain": gain, "offset": 0.0}}]


def _weights(folder: Path) -> dict[str, Any]:
    weights: dict[str, Any] = {
        "torchscript": {
            "source": folder / TORCHSCRIPT,
            "pytorch_version": torch.__version__.partition("+")[0],
        }
    }
    if (folder / ONNX).is_file():
        weights["onnx"] = {"source": folder / ONNX, "opset_version": OPSET, "parent": "torchscript"}
    return weights


def _documentation(facts: Mapping[str, str]) -> str:
    halo = facts["halo"]
    tiles = (
        f"A tile needs {halo} pixels of context on each side; with them, the tiles equal the whole image."
        if halo
        else "Run it on whole images: its attention depends on the whole image, so tiles would show seams."
    )
    return f"""# {facts["title"]}, x{facts["scale"]}

Super-resolution: the output has {facts["scale"]} pixels along Y and X for each pixel of the input.

* Trained on: {facts["training_data"] or "not stated"}
* Color: {_COLORS[facts["color"]]}
* License: {facts["license"]}
* Weights from: {facts["source"] or "not stated"}
* Paper: {facts["paper"] or "not stated"}
* SHA-256 of the original checkpoint: {facts["sha256"] or "none"}

The input's smallest and largest value become 0 and 1, and the result is given between the same two: multiply by
(largest - smallest) and add the smallest to have the input's intensities again. {tiles}

## Validation

Reduce an image of your own by {facts["scale"]} (bicubic, antialiased), enlarge the result with this model and with
bicubic interpolation, and compare both with the image: the model should be nearer to it (PSNR). Fine
structures in an enlarged image are probable, not measured: do not count or measure what the input does not show.

Exported by {facts["generator"]}.
"""


_COLORS = {
    "Y": "one channel, trained on luma (BT.601) of photographs",
    "grey": "one channel, trained on grey images",
    "RGB": "three channels, red, green and blue",
}
