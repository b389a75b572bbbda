"""From tensors to a network: recognize the architecture, build it, and load all tensors without any left over."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from napari_sr._text import error_line, one_line
from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError
from napari_sr.models._catalog import LARGEST_SCALE
from napari_sr.models._files import Contents, candidates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_sr.architectures.registry import Architecture

__all__ = ["Assembled", "assemble"]

_LARGEST_SIZE = 4096
"""Largest number in a configuration: channels of the largest published networks are some hundreds."""
_GROWTH = 2
"""Parameters of a network that is being built, for each tensor of its file: some are merged or replaced later."""
_FREE_PARAMETERS = 100
"""Parameters that any network may have."""
_FREE_NUMBERS = 10**6
"""Elements of the parameters that any network may have: 4 MB."""


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
        _check_config(config)
        with _no_larger_than(state):
            network = architecture.build(**config)
    except Exception as error:
        # whatever a constructor raises for arguments that it does not take
        raise ModelLoadError(
            f"{name}: {architecture.id} cannot be built with {one_line(str(config), 200)} ({error_line(error)})"
        ) from error
    state = _without_constants(network, state)
    problems = "; ".join(_problems(network.state_dict(), state))
    if problems:
        size = one_line(", ".join(f"{key}={value}" for key, value in config.items()), 200)
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
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(f"its configuration is damaged ({error_line(error)})") from error
    if not isinstance(config, dict):
        raise ModelLoadError(
            f"its configuration should be a table, not {one_line(repr(config), 80)}"
        )
    return config


def _check_config(config: Mapping[str, Any]) -> None:
    """Refuse sizes that no network has, before a constructor computes with them."""
    for key, value in config.items():
        least, most = (1, LARGEST_SCALE) if key == "scale" else (-_LARGEST_SIZE, _LARGEST_SIZE)
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(each, int | float) and not least <= each <= most for each in numbers):
            raise ValueError(f"{one_line(key, 40)} is not in {least} to {most}")


@contextmanager
def _no_larger_than(state: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop a network that is being built as soon as it has more parameters, or larger ones, than a file has tensors.

    Its tensors are not filled yet when they are registered, so that no memory was used until then.
    """
    most = _GROWTH * len(state) + _FREE_PARAMETERS
    numbers = _GROWTH * sum(value.numel() for value in state.values()) + _FREE_NUMBERS
    thread = threading.get_ident()
    count = elements = 0

    def check(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal count, elements
        if parameter is None or threading.get_ident() != thread:
            return
        count, elements = count + 1, elements + parameter.numel()
        if count > most or elements > numbers:
            raise ValueError("it is larger than the file")

    hook = register_module_parameter_registration_hook(check)
    try:
        yield
    finally:
        hook.remove()


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
    types = [
        f"{name} is {str(state[name].dtype).removeprefix('torch.')}"
        for name, value in expected.items()
        if name in state and state[name].is_floating_point() != value.is_floating_point()
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
        "wrong type:": types,
        "NaN or infinite:": damaged,
    }
    return [f"{what} {_shortened(names)}" for what, names in found.items() if names]


def _shortened(names: list[str], most: int = 3) -> str:
    more = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(one_line(name, 120) for name in names[:most]) + more
