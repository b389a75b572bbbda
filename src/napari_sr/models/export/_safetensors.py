"""Export to safetensors: the tensors of the merged network, with all that is needed to rebuild it."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from napari_sr.architectures import registry
from napari_sr.errors import ExportError, ModelLoadError
from napari_sr.models._save import save_network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from napari_sr.architectures.registry import Architecture

__all__ = ["write_safetensors"]


def write_safetensors(path: Path, network: nn.Module, facts: Mapping[str, str]) -> None:
    """Write a network's tensors, with architecture, configuration and the model's facts as metadata.

    Parameters
    ----------
    path : Path
        The file.
    network : torch.nn.Module
        Of an architecture in the register.
    facts : mapping of str to str
        Stored as metadata.

    Raises
    ------
    ExportError
        If the network has no tensors, or its architecture is not in the register.
    """
    state = network.state_dict()
    if not state:
        raise ExportError(f"{facts['model']} has no weights to store; use TorchScript or ONNX")
    try:
        architecture, config = _configuration(network)
    except ModelLoadError as error:
        raise ExportError(f"{facts['model']} is of no known architecture ({error})") from error
    others = {
        key: value
        for key, value in facts.items()
        if key not in ("architecture", "color", "value_range")
    }
    save_network(
        path,
        network,
        architecture.id,
        config,
        value_range=float(facts["value_range"]),
        color=facts["color"],
        **others,
    )


def _configuration(network: nn.Module) -> tuple[Architecture, dict[str, Any]]:
    """Architecture and keywords that build a network: from its attributes, or else from its tensors."""
    for architecture in registry.architectures():
        if architecture.build is type(network):
            config = {
                name: getattr(network, name, None)
                for name in signature(architecture.build).parameters
            }
            if all(isinstance(value, (bool, int, float, str)) for value in config.values()):
                return architecture, config
    return registry.detect(network.state_dict())
