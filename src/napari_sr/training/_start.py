"""Starting a network from another's weights: of another scale, or of an earlier run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from napari_sr.architectures import registry
from napari_sr.errors import ModelLoadError, RecipeError
from napari_sr.models._model import ready

if TYPE_CHECKING:
    from collections.abc import KeysView, Sequence
    from pathlib import Path

    from torch import Tensor, nn


def start_mean(network: nn.Module, paths: Sequence[Path]) -> None:
    """Start from the mean of several weights, each taken as `start_weights` takes it.

    The mean of weights that went different ways from one start is often better than they are on average.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    paths : sequence of Path
        Safetensors files, at least one.

    Raises
    ------
    RecipeError
        If one of them cannot be started from.

    References
    ----------
    M. Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time, ICML 2022: the uniform soup.
    """
    each = [copy.deepcopy(network) for _ in paths]
    for member, path in zip(each, paths, strict=True):
        start_weights(member, path)
    states = [member.state_dict() for member in each]
    means = {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        for name, value in states[0].items()
        if value.is_floating_point()
    }
    network.load_state_dict({**states[0], **means})


def start_weights(network: nn.Module, path: Path) -> int:
    """Take every tensor that has the same name and shape; the rest (the upsampler) stays random.

    Where the file's network sees three channels and this one sees one, it starts as that network is on grey images.

    Parameters
    ----------
    network : nn.Module
        Changed in place.
    path : Path
        A safetensors file, of the train form or merged. A merged network takes the train form's merged weights.

    Returns
    -------
    int
        How many tensors fitted.

    Raises
    ------
    RecipeError
        If the file cannot be read, nothing fits, or it is merged and this network has branches.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"model.init: {path} cannot be read ({error})") from error
    own = network.state_dict()
    if state.keys() == _merged_names(network) != own.keys():
        raise RecipeError(
            f"model.init: {path.name} is merged, and a sum tells nothing of its branches; start from the best weights "
            "of the run that trained it, or train the merged form (ecbsr-plain, reprfn-plain, config.plain of mspn)"
        )
    if not state.keys() <= own.keys():
        state = _merged(state, own)
    grow = getattr(network, "grown_from", None)
    state = grow(state) if callable(grow) else state
    state = {k: _grey(v, own[k]) for k, v in state.items() if k in own}
    fitting = {k: v for k, v in state.items() if own[k].shape == v.shape}
    if not fitting:
        raise RecipeError(f"model.init: nothing in {path.name} fits this network")
    network.load_state_dict(fitting, strict=False)
    return len(fitting)


def _merged_names(network: nn.Module) -> KeysView[str]:
    """Names of the tensors that are left of a network once its branches are merged."""
    merge = getattr(network, "merged", None)
    plain: nn.Module = merge() if callable(merge) else network
    return plain.state_dict().keys()


def _merged(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the merged form, where these are branches of what the network has as one convolution.

    The branch that happens to have the merged convolution's name would fit alone, and be wrong.
    """
    try:
        architecture, config = registry.detect(state)
    except ModelLoadError:
        return state
    trained = architecture.build(**config)
    trained.load_state_dict(state)
    merged: dict[str, Tensor] = ready(trained).state_dict()
    return merged if merged.keys() <= own.keys() else state


def _grey(tensor: Tensor, wanted: Tensor) -> Tensor:
    """A first or last tensor of a network for RGB as it acts on grey: inputs summed, outputs averaged."""
    shape, goal = tuple(tensor.shape), tuple(wanted.shape)
    if tensor.ndim == 4 and shape[1] == 3 and goal == (shape[0], 1, *shape[2:]):
        return tensor.sum(dim=1, keepdim=True)
    if shape[0] == 3 * goal[0] and shape[1:] == goal[1:]:
        # pixel shuffle takes all sub-pixels of red first, then those of green, then those of blue
        return tensor.reshape(3, -1, *shape[1:]).mean(dim=0)
    return tensor
