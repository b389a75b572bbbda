"""Export to ONNX, the graph that ONNX Runtime, OpenVINO, TensorRT, OpenCV and others run.

PyTorch's older exporter is used (``dynamo=False``), which traces a network. It needs no other package, every supported
release has it, and it leaves batch, height and width free in all networks of this project. The newer exporter fails for
some of them and takes ten times as long.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from napari_sr._text import error_line, one_line
from napari_sr.errors import ExportError
from napari_sr.models._torchscript import silence_torchscript_warnings
from napari_sr.models.export._torchscript import example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

__all__ = ["OPSET", "have_onnx", "write_onnx"]

OPSET = 17
"""Version of the operators: of 2021, so that every maintained runtime knows it."""

# Names of the dimensions that are free, i.e. whose size is not stored in the graph.
_INPUT = {0: "batch", 2: "height", 3: "width"}
_OUTPUT = {0: "batch", 2: "scaled_height", 3: "scaled_width"}


def have_onnx() -> bool:
    """Whether the packages of the extra ``onnx`` are installed."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def write_onnx(path: Path, network: nn.Module, facts: Mapping[str, str]) -> None:
    """Write a network as ONNX, for any batch, height and width.

    Parameters
    ----------
    path : Path
        The file.
    network : torch.nn.Module
        In evaluation mode.
    facts : mapping of str to str
        Stored as the model's metadata properties.

    Raises
    ------
    ExportError
        If ONNX lacks an operator of the network, or the packages are missing.
    """
    if not have_onnx():
        raise ExportError("ONNX needs more packages; run: pip install 'napari-sr[onnx]'")
    try:
        with silence_torchscript_warnings(), torch.no_grad():
            torch.onnx.export(
                network,
                (example(network),),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": _INPUT, "output": _OUTPUT},
            )
    except (RuntimeError, TypeError, ValueError) as error:
        raise ExportError(f"cannot be written as ONNX ({error_line(error)})") from error
    path.write_bytes(_labelled(path.read_bytes(), facts))


def _labelled(data: bytes, facts: Mapping[str, str]) -> bytes:
    """Add metadata to an ONNX model, and check that it conforms to the standard."""
    import onnx

    model = onnx.load_model_from_string(data)
    onnx.helper.set_model_props(model, dict(facts))
    model.producer_name, model.producer_version = facts["generator"].split(" ", 1)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"the exported ONNX file is not valid ({one_line(str(error))})"
        ) from error
    labelled: bytes = model.SerializeToString()
    return labelled
