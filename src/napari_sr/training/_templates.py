"""A start for eSR-TM that is already good: templates by clustering, their filters by least squares.

From random filters the softmax of the keys stays nearly flat for thousands of steps, because keys must grow tens of
times first. With the keys given, the output is linear in the values, and the best values are the solution of one
linear system for each of the scale**2 positions in a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_sr.architectures.esr import ESRTM
from napari_sr.errors import RecipeError
from napari_sr.training._recipe import Stage

if TYPE_CHECKING:
    from napari_sr.training._dataset import TrainingData

_SAMPLES = 40_000
_ROUNDS = 6
_SHARPNESS = 30.0
_RIDGE = 1e-4


def start_templates(network: object, data: TrainingData, generator: torch.Generator) -> None:
    """Fill an eSR-TM with clustered keys and least-squares values.

    Parameters
    ----------
    network : ESRTM
        Changed in place.
    data : TrainingData
        Where patches are drawn from.
    generator : torch.Generator
        Source of randomness.

    Raises
    ------
    RecipeError
        If the network is another.
    """
    if not isinstance(network, ESRTM):
        raise RecipeError('model.init = "templates" is for esr-tm only')
    patches, _ = _sample(network, data, generator)
    keys = _SHARPNESS * _cluster(patches, network.C, generator)
    values = _solve(network, keys, data, generator)
    s2 = network.scale**2
    weight = torch.cat([values, keys[:, None].expand(-1, s2, -1)])
    network.filter.weight.data = weight.reshape(-1, 1, network.K, network.K).clone()


def _sample(
    network: ESRTM, data: TrainingData, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Patches ``(N, K*K)`` and the ``(N, scale**2)`` large pixels under their centres."""
    side, scale = network.K, network.scale
    small, large = data.draw(Stage(1, patch=side, batch=_SAMPLES), generator)
    at = side // 2 * scale
    return small.flatten(1), large[:, 0, at : at + scale, at : at + scale].flatten(1)


def _cluster(patches: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Unit directions ``(count, K*K)`` of what stands out in patches: spherical k-means, weighed by contrast."""
    side = round(patches.shape[1] ** 0.5)
    at = torch.arange(side) - side // 2
    window = torch.exp(-(at**2) / 4.5)
    shapes = (patches - patches.mean(1, keepdim=True)) * torch.outer(window, window).flatten()
    shapes -= shapes.mean(1, keepdim=True)
    contrast = shapes.norm(dim=1)
    centres = F.normalize(shapes[torch.multinomial(contrast, count, generator=generator)])
    for _ in range(20):
        nearest = (F.normalize(shapes) @ centres.T).argmax(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, shapes)
        centres = F.normalize(sums)
    return centres


def _solve(network: ESRTM, keys: Tensor, data: TrainingData, generator: torch.Generator) -> Tensor:
    """Values ``(C, scale**2, K*K)`` that fit the large pixels best in the mean square."""
    size = keys.numel()
    normal = _RIDGE * torch.eye(size, dtype=torch.float64)
    right = torch.zeros(size, network.scale**2, dtype=torch.float64)
    for _ in range(_ROUNDS):
        patches, targets = _sample(network, data, generator)
        weights = (patches @ keys.T).softmax(1)
        features = (weights[:, :, None] * patches[:, None]).flatten(1)
        normal += (features.T @ features).double()
        right += (features.T @ targets).double()
    solution = torch.linalg.solve(normal, right)
    return solution.float().T.reshape(network.scale**2, *keys.shape).transpose(0, 1)
