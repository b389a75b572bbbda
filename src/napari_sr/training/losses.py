"""Losses: each takes ``(output, target)`` of shape ``(N, C, H, W)`` and returns a scalar."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from napari_sr.training._recipe import OptimizationRecipe

Loss = Callable[[Tensor, Tensor], Tensor]

_CHARBONNIER_EPS2 = 1e-6
"""Squared width of the smooth minimum: 1e-3, below a gray level of 8 bits, as in the literature."""
_PSNR_EPS = 1e-7
"""Added to the squared difference, so that it has a finite logarithm: the loss ends at 70 dB."""
_MIN_DIFFERENCE = 1e-6
"""Mean difference, white = 1, below which nothing is left to learn; avoids a division by 0."""


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
    """Negative PSNR in dB, averaged over the images of a batch; values are in [0, 1].

    Each image has the same influence, whether its error and its intensities are large or small. Above 70 dB the loss
    hardly changes.

    References
    ----------
    L. Chen et al., Simple baselines for image restoration (NAFNet), ECCV 2022, the loss of the authors' code.
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
    """Sum of L1 and weighted L2, each divided by its value at the first call.

    L2 is dominated by a few large errors, for instance around small bright spots, L1 by the many small ones. Their
    ratio depends on the contrast of an image; divided by their first values they can be weighted.

    Parameters
    ----------
    squares : float
        Weight of L2; that of L1 is 1.
    """

    def __init__(self, squares: float) -> None:
        self._squares = squares
        self._first: tuple[Tensor, Tensor] | None = None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss of a batch; ``1 + squares`` for the first one."""
        parts = l1(output, target), l2(output, target)
        if self._first is None:
            self._first = (
                parts[0].detach().clamp(min=_MIN_DIFFERENCE),
                parts[1].detach().clamp(min=_MIN_DIFFERENCE**2),
            )
        return parts[0] / self._first[0] + self._squares * parts[1] / self._first[1]


def make_loss(recipe: OptimizationRecipe) -> Loss:
    """The loss that a recipe names.

    Parameters
    ----------
    recipe : OptimizationRecipe
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
