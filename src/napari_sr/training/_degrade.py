"""Degradation: low-resolution images as a microscope or a camera would record them, random for each patch.

The scene is blurred, downscaled and recorded with shot noise, read noise and an offset. A random gain and gamma of the
scene make the network independent of the scale of intensities. Softness, gain, gamma and offset are part of the target;
blur and noise are in the low-resolution image only.
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

_BICUBIC_RADIUS = 3
"""Small pixels around a pixel that antialiased bicubic downscaling takes into account."""
_GAUSSIAN_RADIUS = 3
"""Standard deviations at which Gaussians are cut: 99.7 % of their weight lies within."""
_MIN_SIGMA = 1e-3
"""Standard deviation in place of 0: the Gaussian is one tap then, and nothing is divided by 0."""


class Degradation:
    """Random image formation, from a scene to its low-resolution image.

    Parameters
    ----------
    recipe : DegradationRecipe
        Limits between which each patch draws its values, uniformly.
    scale : int
        Large pixels per small pixel.
    """

    def __init__(self, recipe: DegradationRecipe, scale: int) -> None:
        self.recipe, self.scale = recipe, scale

    @property
    def margin(self) -> int:
        """Small pixels around a patch that its pixels depend on."""
        soft = math.ceil(_GAUSSIAN_RADIUS * self.recipe.softness[1] / self.scale)
        return soft + math.ceil(_GAUSSIAN_RADIUS * self.recipe.blur[1]) + _BICUBIC_RADIUS

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
            The recorded image, in [0, 1].
        large : tensor, shape (N, C, s·H, s·W)
            The target: the scene with its softness, gain, gamma and offset.
        """
        recipe, count = self.recipe, len(large)

        def drawn(limits: tuple[float, float]) -> Tensor:
            uniform = torch.rand(count, generator=generator)
            return (limits[0] + (limits[1] - limits[0]) * uniform).view(-1, 1, 1, 1)

        scene = blur(large, drawn(recipe.softness).flatten()) if recipe.softness[1] else large
        scene = scene.clamp(0, 1) ** drawn(recipe.gamma) * drawn(recipe.gain)
        blurred = blur(scene, drawn(recipe.blur).flatten() * self.scale)
        light = shrink(blurred, self.scale).clamp(0, 1)
        offset = drawn(recipe.offset)
        photons, read = drawn(recipe.photons), drawn(recipe.read_noise)
        seen = light + _shot_noise(light, photons, generator)
        seen = seen + read * torch.randn(seen.shape, generator=generator)
        return (seen + offset).clamp(0, 1), (scene + offset).clamp(0, 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image of a batch by a Gaussian of its own.

    Parameters
    ----------
    images : tensor, shape (N, C, Y, X)
        They are mirrored at their borders.
    sigma : tensor, shape (N,)
        Standard deviations in pixels; 0 changes nothing.
    """
    radius = math.ceil(_GAUSSIAN_RADIUS * float(sigma.max()))
    if radius == 0:
        return images
    at = torch.arange(-radius, radius + 1)
    taps = torch.exp(-0.5 * (at / sigma.clamp(min=_MIN_SIGMA)[:, None]) ** 2)
    taps = taps / taps.sum(dim=1, keepdim=True)
    count, channels = images.shape[:2]
    kernels = taps.repeat_interleave(channels, 0)[:, None]
    # Images become channels of one image, so that a grouped convolution gives each its own kernel.
    x = images.reshape(1, count * channels, *images.shape[2:])
    room = min(radius, *(side - 1 for side in x.shape[2:]))
    x = functional.pad(x, (room,) * 4, mode="reflect")
    x = functional.pad(x, (radius - room,) * 4, mode="replicate")
    x = functional.conv2d(x, kernels[..., :, None], groups=count * channels)
    x = functional.conv2d(x, kernels[..., None, :], groups=count * channels)
    return x.view(images.shape)


def shrink(images: Tensor, scale: int) -> Tensor:
    """Downscale images by MATLAB's antialiased bicubic; their sides are multiples of the scale."""
    rows, columns = (_resize_matrix(side, scale) for side in images.shape[-2:])
    return rows @ images @ columns.T


@cache
def _resize_matrix(side: int, scale: int) -> Tensor:
    """Weights of a whole side, shape (side / scale, side)."""
    indices, weights = resize_weights(side, side // scale, 1 / scale)
    matrix = torch.zeros(side // scale, side)
    rows = torch.arange(side // scale)[:, None].expand(indices.shape)
    pairs = (rows, torch.from_numpy(indices).long())
    return matrix.index_put_(pairs, torch.from_numpy(weights).float(), accumulate=True)


def _shot_noise(light: Tensor, photons: Tensor, generator: torch.Generator) -> Tensor:
    """Difference of the counted and the expected light; 0 where the number of photons is 0."""
    counted = torch.poisson(light * photons, generator=generator) / photons.clamp(min=1e-6)
    return torch.where(photons > 0, counted - light, torch.zeros_like(light))
