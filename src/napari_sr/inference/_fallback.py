"""Bicubic fallback: replaces a network's output where it has nothing to do with the image.

Published networks explode on hot pixels, noise and fine patterns, to thousands of times white. A sound output averages
down to its input within about 0.2 of the range (0.3 on pure noise) and stays near the range. Where an output does
not, and around it, the bicubic image replaces it, blended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_sr.architectures.bicubic import Bicubic

if TYPE_CHECKING:
    from napari_sr.inference._runners import Runner, WindowPositions

RADIUS = 2
"""Input pixels around a tile that decide about it: one to widen what is replaced, one to blend."""
_MEAN = 0.5
"""Difference of the output's mean from its input pixel, range 1, beyond which bicubic replaces it; sound outputs
reach 0.3."""
_REACH = 2.0
"""Distance of an output from the middle of the range beyond which bicubic replaces it; overshoots reach about 1."""
_ONSET = 0.7
"""Share of these bounds at which blending begins, so that no edge shows."""


REASONS = ("not finite", "far outside the range", "not averaging down to the image")
"""Why an output is replaced; the first that applies counts."""


class FallbackCounter:
    """Counts input pixels whose outputs were replaced, by the reason."""

    def __init__(self) -> None:
        self.reasons = dict.fromkeys(REASONS, 0)

    def per_pixel(self, outputs: int) -> dict[str, int]:
        """Counts divided by the number of outputs for each pixel, such as those of an ensemble; rounded up."""
        return {reason: -(-count // outputs) for reason, count in self.reasons.items()}

    def add(self, shares: Tensor) -> None:
        """Count the pixels of a tile.

        Parameters
        ----------
        shares : tensor, shape (2, H, W)
            Share of bicubic at each pixel because of the distance from the range, and because of the mean; NaN in
            either where the output is not finite.
        """
        far, mean = shares > 0
        lost = shares.isnan().any(dim=0)
        counts = (lost, far & ~lost, mean & ~far & ~lost)
        for reason, pixels in zip(REASONS, counts, strict=True):
            self.reasons[reason] += int(pixels.sum())


class BicubicFallback:
    """Replaces the output of a runner by bicubic where it strays from the image.

    Parameters
    ----------
    runner : Runner
        Whose output is checked.
    counter : FallbackCounter
        Counts the replaced pixels.
    """

    def __init__(self, runner: Runner, counter: FallbackCounter) -> None:
        self.scale = runner.scale
        self._runner, self._counter = runner, counter

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows."""
        y = self._runner(batch, positions)
        error = _means(y, self.scale) - batch.to(y)
        if _near(y, 0.5, _REACH) and _near(error, 0, _MEAN):
            return y
        shares = _shares(y, error, self.scale)
        for window, (top, left, bottom, right) in zip(shares, positions.interiors, strict=True):
            self._counter.add(window[:, top:bottom, left:right])
        rejected = shares.nan_to_num(nan=1.0).amax(dim=1, keepdim=True)
        weight = functional.interpolate(
            functional.max_pool2d(rejected, 3, stride=1, padding=1),
            scale_factor=self.scale,
            mode="bilinear",
            align_corners=False,
        )
        bicubic = Bicubic(self.scale).to(y.device)(batch.to(y))
        # Not y · (1 - weight): infinity times zero is NaN.
        return torch.where(weight >= 1, bicubic, torch.lerp(y.nan_to_num(), bicubic, weight))


def _means(y: Tensor, scale: int) -> Tensor:
    """Mean of each block of output pixels, shape (N, C, H, W); NaN in all channels where one has it."""
    # As a convolution several times faster than average pooling, and one of each channel by itself.
    kernel = torch.eye(y.shape[1]).to(y)[:, :, None, None].expand(-1, -1, scale, scale)
    return functional.conv2d(y, kernel / scale**2, stride=scale)


def _near(values: Tensor, center: float, bound: float) -> bool:
    """Whether all are so close that nothing is replaced; False if one is NaN."""
    low, high = values.amin(), values.amax()  # faster than aminmax
    return bool((low > center - _ONSET * bound) & (high < center + _ONSET * bound))


def _shares(y: Tensor, error: Tensor, scale: int) -> Tensor:
    """Share of bicubic at each input pixel, shape (N, 2, H, W); NaN where an output is not finite.

    First because of the distance from the range, then because of the mean.
    """
    # Infinite outputs are no more use than NaN; a difference of infinities is NaN already.
    away = torch.where(y.isfinite(), (y - 0.5).abs(), torch.nan)
    far = functional.max_pool2d(away, scale).amax(dim=1) / _REACH
    mean = error.abs().amax(dim=1) / _MEAN
    return ((torch.stack([far, mean], dim=1) - _ONSET) / (1 - _ONSET)).clamp(0, 1)
