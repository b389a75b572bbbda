"""Guard: bicubic stands in where a network's answer has nothing to do with the image.

Published networks explode on hot pixels, noise and fine patterns: thousands of times white. What is healthy averages
down to its input within about 0.2 of the range (0.3 on pure noise) and stays near the range. Where an answer does
not, and around it, the bicubic image takes its place, blended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_sr.architectures.bicubic import Bicubic

if TYPE_CHECKING:
    from napari_sr.inference._runner import Place, Runner

RADIUS = 2
"""Input pixels around a tile that decide about it: one to widen what strays, one to blend."""
_MEAN = 0.5
"""Difference of the answer's mean from its input pixel, range 1, beyond which bicubic stands alone."""
_REACH = 2.0
"""Distance of any answer from the middle of the range beyond which it does."""
_ONSET = 0.7
"""Share of these bounds at which blending begins."""


REASONS = ("not finite", "far outside the range", "not averaging down to the image")
"""Why an answer is replaced; the first that applies counts."""


class Tally:
    """Counts input pixels whose answers were replaced, by the reason."""

    def __init__(self) -> None:
        self.reasons = dict.fromkeys(REASONS, 0)

    @property
    def pixels(self) -> int:
        """For whatever reason."""
        return sum(self.reasons.values())

    @property
    def why(self) -> str:
        """The reasons there were, with their numbers, in words."""
        return ", ".join(f"{count} {reason}" for reason, count in self.reasons.items() if count)

    def average(self, answers: int) -> None:
        """Count each pixel once that was answered several times; what strayed once only counts, too."""
        self.reasons = {reason: -(-count // answers) for reason, count in self.reasons.items()}

    def add(self, shares: Tensor) -> None:
        """Count the pixels of a tile.

        Parameters
        ----------
        shares : tensor, shape (2, H, W)
            How much bicubic is needed because of distance from the range, and because of the mean; NaN in either
            where the answer is none.
        """
        far, mean = shares > 0
        lost = shares.isnan().any(dim=0)
        counts = (lost, far & ~lost, mean & ~far & ~lost)
        for reason, pixels in zip(REASONS, counts, strict=True):
            self.reasons[reason] += int(pixels.sum())


class Guarded:
    """Replaces by bicubic what strays.

    Parameters
    ----------
    runner : Runner
        What is guarded.
    tally : Tally
        Where replaced pixels are counted.
    """

    def __init__(self, runner: Runner, tally: Tally) -> None:
        self.scale = runner.scale
        self._runner, self._tally = runner, tally

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """Enlarge windows."""
        y = self._runner(batch, place)
        error = _means(y, self.scale) - batch.to(y)
        if _near(y, 0.5, _REACH) and _near(error, 0, _MEAN):
            return y
        shares = _shares(y, error, self.scale)
        for window, (top, left, bottom, right) in zip(shares, place.interiors, strict=True):
            self._tally.add(window[:, top:bottom, left:right])
        strayed = shares.nan_to_num(nan=1.0).amax(dim=1, keepdim=True)
        weight = functional.interpolate(
            functional.max_pool2d(strayed, 3, stride=1, padding=1),
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


def _near(values: Tensor, centre: float, bound: float) -> bool:
    """Whether all are close enough for nothing to be replaced; not if one is NaN."""
    low, high = values.amin(), values.amax()  # faster than aminmax
    return bool((low > centre - _ONSET * bound) & (high < centre + _ONSET * bound))


def _shares(y: Tensor, error: Tensor, scale: int) -> Tensor:
    """How much bicubic is needed at each input pixel, shape (N, 2, H, W): 0 not at all, 1 alone, NaN alone, too.

    First because of the distance from the range, then because of the mean.
    """
    # Infinite answers are none either; a difference of infinities is NaN already.
    away = torch.where(y.isfinite(), (y - 0.5).abs(), torch.nan)
    far = functional.max_pool2d(away, scale).amax(dim=1) / _REACH
    mean = error.abs().amax(dim=1) / _MEAN
    return ((torch.stack([far, mean], dim=1) - _ONSET) / (1 - _ONSET)).clamp(0, 1)
