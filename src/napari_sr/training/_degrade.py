"""Degradation: small images as a microscope or a camera would have taken them, drawn anew for every patch.

Blur, a smaller image, light in portions, the noise and the pedestal of the camera; and a random gain and gamma of the
scene itself, so that no scale of intensities is favoured. Softness, gain, gamma and pedestal change what is to be
restored as well; blur and noise only what is seen.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_sr.imaging import resize_weights

if TYPE_CHECKING:
    from napari_sr.training._recipe import DegradationRecipe

_BICUBIC = 3
"""Small pixels that bicubic reaches beyond the one that it makes."""


class Degradation:
    """Draws what happens between a scene and its image.

    Parameters
    ----------
    recipe : DegradationRecipe
        The limits within which everything is drawn evenly, patch by patch.
    scale : int
        Large pixels per small pixel.
    """

    def __init__(self, recipe: DegradationRecipe, scale: int) -> None:
        self.recipe, self.scale = recipe, scale

    @property
    def margin(self) -> int:
        """Small pixels around a patch that its pixels depend on."""
        soft = math.ceil(3 * self.recipe.softness[1] / self.scale)
        return soft + math.ceil(3 * self.recipe.blur[1]) + _BICUBIC

    def __call__(self, large: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Degrade a batch of scenes.

        Parameters
        ----------
        large : tensor, shape (N, C, s·H, s·W)
            Values in [0, 1].
        generator : torch.Generator
            Source of randomness.

        Returns
        -------
        small : tensor, shape (N, C, H, W)
            What is seen, in [0, 1].
        large : tensor
            What is to be restored: the scene with its softness, gain, gamma and pedestal.
        """
        recipe, count = self.recipe, len(large)

        def drawn(limits: tuple[float, float]) -> Tensor:
            even = torch.rand(count, generator=generator)
            return (limits[0] + (limits[1] - limits[0]) * even).view(-1, 1, 1, 1)

        scene = blur(large, drawn(recipe.softness).flatten()) if recipe.softness[1] else large
        scene = scene.clamp(0, 1) ** drawn(recipe.gamma) * drawn(recipe.gain)
        blurred = blur(scene, drawn(recipe.blur).flatten() * self.scale)
        light = shrink(blurred, self.scale).clamp(0, 1)
        offset = drawn(recipe.offset)
        photons, read = drawn(recipe.photons), drawn(recipe.read_noise)
        seen = light + _shot(light, photons, generator)
        seen = seen + read * torch.randn(seen.shape, generator=generator)
        return (seen + offset).clamp(0, 1), (scene + offset).clamp(0, 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image of a batch by a Gaussian of its own.

    Parameters
    ----------
    images : tensor, shape (N, C, Y, X)
        Beyond their borders they are mirrored.
    sigma : tensor, shape (N,)
        Standard deviations in pixels; 0 changes nothing.
    """
    radius = math.ceil(3 * float(sigma.max()))
    if radius == 0:
        return images
    at = torch.arange(-radius, radius + 1)
    taps = torch.exp(-0.5 * (at / sigma.clamp(min=1e-3)[:, None]) ** 2)
    taps = taps / taps.sum(dim=1, keepdim=True)
    count, channels = images.shape[:2]
    kernels = taps.repeat_interleave(channels, 0)[:, None]
    # the batch becomes channels, each with kernels of its own
    x = images.reshape(1, count * channels, *images.shape[2:])
    room = min(radius, *(side - 1 for side in x.shape[2:]))
    x = functional.pad(x, (room,) * 4, mode="reflect")
    x = functional.pad(x, (radius - room,) * 4, mode="replicate")
    x = functional.conv2d(x, kernels[..., :, None], groups=count * channels)
    x = functional.conv2d(x, kernels[..., None, :], groups=count * channels)
    return x.view(images.shape)


def shrink(images: Tensor, scale: int) -> Tensor:
    """Images as MATLAB's antialiased bicubic makes them smaller; sides are multiples of the scale."""
    rows, columns = (_matrix(side, scale) for side in images.shape[-2:])
    return rows @ images @ columns.T


@cache
def _matrix(side: int, scale: int) -> Tensor:
    """All weights of a side at once, shape (side / scale, side)."""
    indices, weights = resize_weights(side, side // scale, 1 / scale)
    matrix = torch.zeros(side // scale, side)
    rows = torch.arange(side // scale)[:, None].expand(indices.shape)
    pairs = (rows, torch.from_numpy(indices).long())
    return matrix.index_put_(pairs, torch.from_numpy(weights).float(), accumulate=True)


def _shot(light: Tensor, photons: Tensor, generator: torch.Generator) -> Tensor:
    """What the randomness of photons adds; nothing where their number is 0, which means that it is not limited."""
    counted = torch.poisson(light * photons, generator=generator) / photons.clamp(min=1e-6)
    return torch.where(photons > 0, counted - light, torch.zeros_like(light))
