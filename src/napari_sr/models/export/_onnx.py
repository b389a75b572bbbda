"""ONNX: the graph that ONNX Runtime, OpenVINO, TensorRT, OpenCV and others run.

Made by PyTorch's first exporter, from a trace, because it needs nothing beyond PyTorch, is known to every release that
we support and gives height, width and batch free in all our networks; the newer one does not take all of
them, and needs ten times as long.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from napari_sr.errors import ExportError
from napari_sr.models._torchscript import old_on_purpose
from napari_sr.models.export._torchscript import example

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

__all__ = ["OPSET", "have_onnx", "need_onnx", "write_onnx"]

OPSET = 17
"""Version of the operators: old enough for every runtime that is still in use."""

_INPUT = {0: "batch", 2: "height", 3: "width"}
_OUTPUT = {0: "batch", 2: "scaled_height", 3: "scaled_width"}


def have_onnx() -> bool:
    """Whether the packages of the extra ``onnx`` are here."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def need_onnx() -> None:
    """Complain if they are not.

    Raises
    ------
    ExportError
        That names the command to install them.
    """
    if not have_onnx():
        raise ExportError("ONNX needs more packages; run: pip install 'napari-sr[onnx]'")


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
        If the network uses what ONNX does not have, or the packages are missing.
    """
    need_onnx()
    try:
        with old_on_purpose(), torch.no_grad():
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
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"cannot be written as ONNX ({reason})") from error
    path.write_bytes(_labelled(path.read_bytes(), facts))


def _labelled(data: bytes, facts: Mapping[str, str]) -> bytes:
    """Add the facts to an ONNX model, and check it against ONNX's rules."""
    import onnx

    model = onnx.load_model_from_string(data)
    onnx.helper.set_model_props(model, dict(facts))
    model.producer_name, model.producer_version = facts["generator"].split(" ", 1)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the exported ONNX file is not valid ({error})") from error
    labelled: bytes = model.SerializeToString()
    return labelled
