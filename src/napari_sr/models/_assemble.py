"""From tensors to a network: recognize the architecture, build it, and load all tensors without any left over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError
from napari_sr.models._files import Contents, candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.architectures.registry import Architecture

__all__ = ["Assembled", "assemble"]


@dataclass(frozen=True, slots=True)
class Assembled:
    """A network with its weights, in the form of its file: branches for training are not merged."""

    architecture: Architecture
    config: dict[str, Any]
    network: nn.Module


def assemble(contents: Contents, name: str) -> Assembled:
    """Build the network that a checkpoint belongs to and load the weights into it.

    Parameters
    ----------
    contents : Contents
        Of the file. Its metadata name the architecture, or else it is recognized by the tensors.
    name : str
        The file, for messages.

    Returns
    -------
    Assembled
        The network, with its architecture and configuration.

    Raises
    ------
    ModelLoadError
        If the architecture is not recognized or the tensors do not fit it; the message lists missing and
        unexpected tensors.
    """
    try:
        architecture, config, state = _recognize(contents)
    except ModelLoadError as error:
        raise type(error)(f"{name}: {error}") from error
    try:
        network = architecture.build(**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelLoadError(
            f"{name}: {architecture.id} cannot be built with {config} ({error})"
        ) from error
    state = _without_constants(network, state)
    problems = "; ".join(_problems(network.state_dict(), state))
    if problems:
        size = ", ".join(f"{key}={value}" for key, value in config.items())
        raise ModelLoadError(f"{name}: does not fit {architecture.id} ({size}): {problems}")
    network.load_state_dict(state)
    return Assembled(architecture, config, network)


def _recognize(contents: Contents) -> tuple[Architecture, dict[str, Any], dict[str, Tensor]]:
    states = list(candidates(contents.tensors))
    if "architecture" in contents.metadata:
        return (
            registry.get(contents.metadata["architecture"]),
            _config(contents.metadata),
            states[0],
        )
    failure: ModelLoadError | None = None
    for state in states:
        try:
            architecture, config = registry.detect(state)
        except ModelLoadError as error:
            failure = failure or error
        else:
            return architecture, config, architecture.convert(state)
    raise failure or ModelLoadError("holds no tensors")


def _config(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        config = json.loads(metadata.get("config", "{}"))
    except json.JSONDecodeError as error:
        raise ModelLoadError(f"its configuration is damaged ({error})") from error
    if not isinstance(config, dict):
        raise ModelLoadError(f"its configuration should be a table, not {config!r}")
    return config


def _without_constants(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """State without the constants of the network, which TorchScript stores and state dicts do not."""
    kept = network.state_dict()
    constants = {name: value for name, value in network.named_buffers() if name not in kept}
    return {
        name: value
        for name, value in state.items()
        if not (name in constants and torch.equal(value, constants[name]))
    }


def _problems(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """Reasons why a state dict cannot be loaded, in a few words each."""
    shapes = [
        f"{name} is {tuple(state[name].shape)} where {tuple(value.shape)} is expected"
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
    damaged = [
        name
        for name, value in state.items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    found = {
        "missing": [name for name in expected if name not in state],
        "unexpected": [name for name in state if name not in expected],
        "wrong shape:": shapes,
        "NaN or infinite:": damaged,
    }
    return [f"{what} {_shortened(names)}" for what, names in found.items() if names]


def _shortened(names: list[str], most: int = 3) -> str:
    more = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more
