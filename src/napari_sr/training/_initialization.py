"""Initial weights: those of another scale, of an earlier phase, or the average of several."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from napari_sr._text import error_line
from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError, RecipeError
from napari_sr.models import ready

if TYPE_CHECKING:
    from collections.abc import KeysView, Sequence
    from pathlib import Path

    from torch import Tensor, nn


def average_weights(network: nn.Module, paths: Sequence[Path]) -> None:
    """Initialize a network by the average of several weights, each read as by `init_weights`.

    Weights that were fine-tuned in different ways from the same start are often worse than their average.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    paths : sequence of Path
        Safetensors files, at least one. One that is named twice counts twice.

    Raises
    ------
    RecipeError
        If one of them cannot be used.

    References
    ----------
    M. Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time, ICML 2022: the uniform soup.
    """
    members = [copy.deepcopy(network) for _ in paths]
    for member, path in zip(members, paths, strict=True):
        init_weights(member, path)
    states = [member.state_dict() for member in members]
    means = {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        for name, value in states[0].items()
        if value.is_floating_point()
    }
    network.load_state_dict({**states[0], **means})


def init_weights(network: nn.Module, path: Path) -> int:
    """Load every tensor of a file that has the same name and shape; other tensors (the upsampler) stay random.

    A network with one channel that starts from one with three starts as that network is on gray images.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    path : Path
        A safetensors file with training branches or merged. A merged network is given the merged weights of either.

    Returns
    -------
    int
        Number of tensors that were loaded.

    Raises
    ------
    RecipeError
        If the file cannot be read, nothing fits, or the file is merged and this network has branches.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"model.init: {path} cannot be read ({error_line(error)})") from error
    own = network.state_dict()
    if state.keys() == _merged_names(network) != own.keys():
        raise RecipeError(
            f"model.init: {path.name} is merged, and the branches cannot be found from their sum; start from the best "
            "weights of its training run, or train the merged form (ecbsr-plain, reprfn-plain, config.plain of mspn)"
        )
    if not state.keys() <= own.keys():
        state = _merged(state, own)
    grow = getattr(network, "grown_from", None)
    state = grow(state) if callable(grow) else state
    state = {k: _for_one_channel(v, own[k]) for k, v in state.items() if k in own}
    fitting = {k: v for k, v in state.items() if own[k].shape == v.shape}
    if not fitting:
        raise RecipeError(f"model.init: nothing in {path.name} fits this network")
    network.load_state_dict(fitting, strict=False)
    return len(fitting)


def _merged_names(network: nn.Module) -> KeysView[str]:
    """Names of a network's tensors after its branches are merged."""
    merge = getattr(network, "merged", None)
    plain: nn.Module = merge() if callable(merge) else network
    return plain.state_dict().keys()


def _merged(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Merged weights, if the file has branches of what is one convolution in the network.

    The branch that has the name of the merged convolution would fit by itself, and be wrong.
    """
    try:
        architecture, config = registry.detect(state)
    except ModelLoadError:
        return state
    trained = architecture.build(**config)
    trained.load_state_dict(state)
    merged: dict[str, Tensor] = ready(trained).state_dict()
    return merged if merged.keys() <= own.keys() else state


def _for_one_channel(tensor: Tensor, wanted: Tensor) -> Tensor:
    """The first or last tensor of an RGB network as it acts on gray: inputs summed, outputs averaged."""
    shape, goal = tuple(tensor.shape), tuple(wanted.shape)
    if tensor.ndim == 4 and shape[1] == 3 and goal == (shape[0], 1, *shape[2:]):
        return tensor.sum(dim=1, keepdim=True)
    if shape[0] == 3 * goal[0] and shape[1:] == goal[1:]:
        # Pixel shuffle takes all sub-pixels of red first, then those of green, then those of blue.
        return tensor.reshape(3, -1, *shape[1:]).mean(dim=0)
    return tensor
