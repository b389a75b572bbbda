"""Export to TorchScript: the network is traced, and the trace is saved with the metadata of the model."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, cast

import torch

from napari_sr._text import error_line
from napari_sr.errors import ExportError
from napari_sr.models._torchscript import METADATA, silence_torchscript_warnings
from napari_sr.models.export._compare import photograph
from napari_sr.models.export._facts import smallest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["example", "write_torchscript"]


def write_torchscript(path: Path, network: nn.Module, facts: Mapping[str, str]) -> None:
    """Write a network as TorchScript, for any batch, height, width and device.

    Parameters
    ----------
    path : Path
        The file.
    network : torch.nn.Module
        In evaluation mode.
    facts : mapping of str to str
        Stored as JSON in the archive.

    Raises
    ------
    ExportError
        If the network cannot be traced.
    """
    file = io.BytesIO()
    try:
        with silence_torchscript_warnings(), torch.no_grad():
            program = torch.jit.trace(network, example(network), check_trace=False)
            # into memory: on a full disk PyTorch fails with an error that does not say so, or ends the process
            # (https://github.com/pytorch/pytorch/issues/156955)
            torch.jit.save(program, file, _extra_files={METADATA: json.dumps(dict(facts))})
    except (RuntimeError, TypeError) as error:
        raise ExportError(f"cannot be traced as TorchScript ({error_line(error)})") from error
    path.write_bytes(file.getvalue())


def example(network: nn.Module) -> Tensor:
    """Input with which a network is traced; its size must not remain in the program."""
    least = smallest(network)
    return photograph(max(24, least), max(32, least), cast("int", network.in_channels))
