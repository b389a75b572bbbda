"""Training filters in a basis in which patches of the image are uncorrelated.

Neighbouring pixels are nearly equal, so the loss of a filter that sees the image itself is a narrow valley: flat along
fine detail, steep along brightness. Adam needs tens of thousands of steps to walk it. Seen through the principal
components of patches, each scaled to unit variance, the valley is round. Only the coordinates change: the network
that is saved has ordinary filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from napari_sr.errors import RecipeError
from napari_sr.training._recipe import Stage

if TYPE_CHECKING:
    from napari_sr.training._dataset import TrainingData

_SAMPLES = 40_000
_LEAST_VARIANCE = 3e-6
"""Of a component, white = 1: below the noise of 8 bits a component is not stretched further."""


class _Components(nn.Module):
    """Filters of shape (out, in, K, K) as sums of scaled principal components.

    Parameters
    ----------
    basis : tensor, shape (K*K, K*K)
        One component a row.
    """

    basis: Tensor
    inverse: Tensor

    def __init__(self, basis: Tensor) -> None:
        super().__init__()
        self.register_buffer("basis", basis)
        self.register_buffer("inverse", torch.linalg.inv(basis.double()).float())

    def forward(self, coordinates: Tensor) -> Tensor:
        """Filters of coordinates."""
        return (coordinates.flatten(2) @ self.basis).view_as(coordinates)

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Coordinates of filters."""
        return (filters.flatten(2) @ self.inverse).view_as(filters)


def whiten(network: nn.Module, data: TrainingData, generator: torch.Generator) -> None:
    """Train a network's ``filter`` in the coordinates of principal components.

    Parameters
    ----------
    network : nn.Module
        One of the edge-SR family; changed in place.
    data : TrainingData
        Where patches are drawn from.
    generator : torch.Generator
        Source of randomness.

    Raises
    ------
    RecipeError
        If the network's first layer is not one bank of filters.
    """
    bank = getattr(network, "filter", None)
    if not isinstance(bank, nn.Conv2d) or bank.in_channels != 1:
        raise RecipeError("optimisation.whiten is for esr-max, esr-tm and esr-tr only")
    side = bank.kernel_size[0]
    patches = data.draw(Stage(1, patch=side, batch=_SAMPLES), generator)
    flat = patches.small.flatten(1).double()
    variance, components = torch.linalg.eigh(flat.T @ flat / len(flat))
    basis = components.T / torch.sqrt(variance.clamp_min(0) + _LEAST_VARIANCE)[:, None]
    parametrize.register_parametrization(bank, "weight", _Components(basis.float()))


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """State dict of a network, whitened or not, with ordinary filters."""
    own = network.state_dict()
    bank = getattr(network, "filter", None)
    if not isinstance(bank, nn.Conv2d) or not parametrize.is_parametrized(bank):
        return own
    rest = {k: v for k, v in own.items() if not k.startswith("filter.parametrizations.")}
    return {**rest, "filter.weight": bank.weight.detach()}
