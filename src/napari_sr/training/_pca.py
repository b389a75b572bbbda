"""Training filters in principal components of image patches.

Neighboring pixels are nearly equal, so the loss of a filter that sees the image itself is badly conditioned: flat along
fine detail, steep along brightness. In the principal components of patches, each scaled to unit variance, it is well
conditioned, and Adam needs a tenth of the steps. Only the coordinates change: saved networks have ordinary filters.
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
"""Patches from which the components are computed: many more than the 49 values of a 7 x 7 patch, in a second."""
_MIN_VARIANCE = 3e-6
"""Added to the variance of each component, white = 1: noise of 8-bit rounding is not amplified."""


class _Components(nn.Module):
    """Filters of shape (out, in, K, K) as sums of scaled principal components.

    Parameters
    ----------
    basis : tensor, shape (K*K, K*K)
        One component per row.
    """

    basis: Tensor
    inverse: Tensor

    def __init__(self, basis: Tensor) -> None:
        super().__init__()
        self.register_buffer("basis", basis)
        self.register_buffer("inverse", torch.linalg.inv(basis.double()).float())

    def forward(self, coordinates: Tensor) -> Tensor:
        """Filters for given coordinates."""
        return (coordinates.flatten(2) @ self.basis).view_as(coordinates)

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Coordinates of given filters."""
        return (filters.flatten(2) @ self.inverse).view_as(filters)


def pca_reparameterization(
    network: nn.Module, data: TrainingData, generator: torch.Generator
) -> None:
    """Train a network's ``filter`` in the coordinates of principal components.

    Parameters
    ----------
    network : nn.Module
        One of the edge-SR family; changed in place.
    data : TrainingData
        Source of the patches.
    generator : torch.Generator
        Source of randomness.

    Raises
    ------
    RecipeError
        If the network's first layer is not one bank of filters.
    """
    bank = getattr(network, "filter", None)
    if not isinstance(bank, nn.Conv2d) or bank.in_channels != 1:
        raise RecipeError("optimization.whiten is for esr-max, esr-tm and esr-tr only")
    side = bank.kernel_size[0]
    patches = data.draw(Stage(1, patch=side, batch=_SAMPLES), generator)
    flat = patches.small.flatten(1).double()
    variance, components = torch.linalg.eigh(flat.T @ flat / len(flat))
    basis = components.T / torch.sqrt(variance.clamp_min(0) + _MIN_VARIANCE)[:, None]
    parametrize.register_parametrization(bank, "weight", _Components(basis.float()))


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """State dict of a network with ordinary filters, whether it is reparameterized or not."""
    own = network.state_dict()
    bank = getattr(network, "filter", None)
    if not isinstance(bank, nn.Conv2d) or not parametrize.is_parametrized(bank):
        return own
    rest = {k: v for k, v in own.items() if not k.startswith("filter.parametrizations.")}
    return {**rest, "filter.weight": bank.weight.detach()}
