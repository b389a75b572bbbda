"""The description in a bioimage.io package: axes, intensities, weights, license and citations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from napari_sr.architectures import registry
from napari_sr.errors import ExportError, ModelLoadError
from napari_sr.models.export._onnx import OPSET
from napari_sr.models.export._samples import COVER, INPUT, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bioimageio.spec.model.v0_5 import ModelDescr

    from napari_sr.models.export._samples import Sample

__all__ = ["ONNX", "README", "TORCHSCRIPT", "sheet"]

TORCHSCRIPT, ONNX, README = "weights.pt", "weights.onnx", "README.md"
"""Names of files in the package."""

_US = "The napari-sr developers"
_TITLE_LIMIT = 100


def sheet(folder: Path, facts: Mapping[str, str], made: Sample) -> ModelDescr:
    """Describe the files of a package.

    Parameters
    ----------
    folder : Path
        Holds weights and test data. The documentation is written here.
    facts : mapping of str to str
        Of the model.
    made : Sample
        Sizes of images.

    Raises
    ------
    ExportError
        If bioimageio.spec does not accept something of it.
    """
    from bioimageio.spec.model import v0_5

    (folder / README).write_text(_documentation(facts), encoding="utf-8")
    parts: dict[str, Any] = {
        "name": f"{_plain(facts['title'])} x{facts['scale']}",
        "description": f"Super-resolution: images {facts['scale']} times as large along Y and X.",
        "authors": _authors(facts),
        "packaged_by": [{"name": _US}],
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
        "inputs": [_input(folder, facts, made)],
        "outputs": [_output(folder, facts)],
        "weights": _weights(folder),
    }
    try:
        return v0_5.ModelDescr.model_validate(parts)
    except ValueError as error:
        raise ExportError(f"bioimageio.spec does not accept the description: {error}") from error


def _plain(title: str) -> str:
    """A title of the letters that bioimage.io takes."""
    return re.sub(r"[^\w +()-]", "", title)[:_TITLE_LIMIT].strip()


def _authors(facts: Mapping[str, str]) -> list[dict[str, str]]:
    if facts["authors"]:
        return [{"name": name.strip()} for name in facts["authors"].split(",")]
    official = facts["source"].startswith("http")
    return [{"name": f"The authors of {_plain(facts['title'])}" if official else _US}]


def _citation(facts: Mapping[str, str]) -> dict[str, str]:
    try:
        architecture = registry.get(facts["architecture"])
    except ModelLoadError:
        return {"text": facts["paper"] or facts["title"], "url": "https://bioimage.io"}
    doi = architecture.url.removeprefix("https://doi.org/")
    where = {"url": architecture.url} if doi == architecture.url else {"doi": doi}
    return {"text": architecture.paper, **where}


def _license(facts: Mapping[str, str]) -> str | None:
    """The license if it is one of SPDX's identifiers; the documentation says it in any case."""
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


def _input(folder: Path, facts: Mapping[str, str], made: Sample) -> dict[str, Any]:
    size = {"min": made.least, "step": made.step}
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
        f"A tile needs {halo} pixels of context on each side; with them, tiles give what the whole image gives."
        if halo
        else "Run it on whole images: its attention looks at all of an image, so tiles would show seams."
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
