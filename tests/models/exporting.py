"""Small models with random weights, one for each architecture."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_sr.models import Checkpoint, Model, ModelCard

if TYPE_CHECKING:
    from napari_sr.architectures.registry import Architecture

SMALL = {"blocks": 2, "convolutions": 2}


def small_model(architecture: Architecture, scale: int) -> Model:
    """A shallow network of an architecture as a model, as if a user had trained it."""
    wanted = {"scale": scale, **SMALL}
    known = signature(architecture.build).parameters
    torch.manual_seed(1)
    network = architecture.build(**{name: wanted[name] for name in wanted if name in known})
    return model_of(network, architecture.id, architecture.value_range or 1.0)


def model_of(network: nn.Module, architecture: str = "", value_range: float = 1.0) -> Model:
    """Any network as a model."""
    card = ModelCard(
        id=f"my-{architecture}",
        title=f"My {architecture}: 100 %",
        architecture=architecture,
        summary="random weights",
        group="Mine",
        color="RGB" if network.in_channels == 3 else "grey",
        value_range=value_range,
        license="CC-BY-4.0",
        training_data="none",
        checkpoints=(Checkpoint(scale=network.scale),),
    )
    return Model(card, lambda _: network)
