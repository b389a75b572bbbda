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


class Tally:
    """Counts input pixels whose answers were replaced."""

    def __init__(self) -> None:
        self.pixels = 0


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
        strayed = _strayed(batch.to(y), y, self.scale)
        if not strayed.any():
            return y
        for window, (top, left, bottom, right) in zip(strayed, place.interiors, strict=True):
            self._tally.pixels += int((window[:, top:bottom, left:right] > 0).sum())
        weight = functional.interpolate(
            functional.max_pool2d(strayed, 3, stride=1, padding=1),
            scale_factor=self.scale,
            mode="bilinear",
            align_corners=False,
        )
        bicubic = Bicubic(self.scale).to(y.device)(batch.to(y))
        # Not y · (1 - weight): infinity times zero is NaN.
        return torch.where(weight >= 1, bicubic, torch.lerp(y.nan_to_num(), bicubic, weight))


def _strayed(x: Tensor, y: Tensor, scale: int) -> Tensor:
    """How much bicubic is needed at each input pixel, shape (N, 1, H, W): 0 not at all, 1 alone."""
    share = (functional.avg_pool2d(y, scale) - x).abs_().div_(_MEAN)
    low, high = torch.aminmax(y)
    if not (low > 0.5 - _ONSET * _REACH and high < 0.5 + _ONSET * _REACH):
        share = torch.maximum(share, functional.max_pool2d((y - 0.5).abs(), scale) / _REACH)
    share = share.amax(dim=1, keepdim=True).nan_to_num(nan=1.0, posinf=1.0)
    return ((share - _ONSET) / (1 - _ONSET)).clamp_(0, 1)
