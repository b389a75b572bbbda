"""Losses: each takes ``(output, target)`` of shape ``(N, C, H, W)`` and gives a scalar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from napari_sr.training._recipe import OptimisationRecipe

Loss = Callable[[Tensor, Tensor], Tensor]

_CHARBONNIER_EPS2 = 1e-6
_PSNR_EPS = 1e-7
"""Squared difference below which an image counts as right: 70 dB."""
_LEAST = 1e-6
"""Mean difference, where white is 1, below which nothing is left to learn."""


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference."""
    return F.l1_loss(output, target)


def l2(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference."""
    return F.mse_loss(output, target)


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Mean of ``sqrt(d**2 + 1e-6)``: L1 that is smooth at zero.

    References
    ----------
    P. Charbonnier et al., Two deterministic half-quadratic regularization algorithms, ICIP 1994.
    """
    return torch.sqrt((output - target) ** 2 + _CHARBONNIER_EPS2).mean()


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Minus the PSNR in dB of images in [0, 1], the mean over them; up to 70 dB.

    An image that is nearly right weighs as much as one that is far off, and a faint one as much as a bright one.

    References
    ----------
    L. Chen et al., Simple baselines for image restoration (NAFNet), ECCV 2022, the loss of its authors' code.
    """
    squared = ((output - target) ** 2).mean(dim=(1, 2, 3))
    return 10 * torch.log10(squared + _PSNR_EPS).mean()


def spectral(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the real and imaginary parts of the orthonormal 2-D spectra.

    References
    ----------
    W. Deng et al., RepRFN, CVPR workshops 2023, section 3.4.
    """
    difference = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(difference).abs().mean()


class Balanced:
    """L1 and L2 together, each in units of what it was when it was first asked for.

    L2 minds the few pixels that are far off, such as those around small bright spots, L1 the many that are nearly
    right. Their ratio depends on the image and its contrast; in units of their first values they can be weighed.

    Parameters
    ----------
    squares : float
        Weight of L2; that of L1 is 1.
    """

    def __init__(self, squares: float) -> None:
        self._squares = squares
        self._first: tuple[Tensor, Tensor] | None = None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss of images; that of the first ones is ``1 + squares``."""
        parts = l1(output, target), l2(output, target)
        if self._first is None:
            self._first = (
                parts[0].detach().clamp(min=_LEAST),
                parts[1].detach().clamp(min=_LEAST**2),
            )
        return parts[0] / self._first[0] + self._squares * parts[1] / self._first[1]


def make_loss(recipe: OptimisationRecipe) -> Loss:
    """The loss that a recipe names.

    Parameters
    ----------
    recipe : OptimisationRecipe
        ``loss`` and, for the ``+fft`` losses, ``fft_weight``.

    Returns
    -------
    callable
        ``(output, target) -> scalar``.
    """
    name, _, extra = recipe.loss.partition("+")
    pixel: Loss = {"l1": l1, "l2": l2, "charbonnier": charbonnier, "psnr": psnr}[name]
    if not extra:
        return pixel
    weight = recipe.fft_weight
    return lambda output, target: (
        (1 - weight) * pixel(output, target) + weight * spectral(output, target)
    )
