"""Runners around runners: the bicubic fallback and the self-ensemble, and all of them built from a plan.

Published networks explode on hot pixels, noise and fine patterns, to thousands of times white. A sound output averages
down to its input within about 0.2 of the range (0.3 on pure noise) and stays near the range. Where an output does
not, and around it, the bicubic image replaces it, blended.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_sr.architectures.bicubic import Bicubic
from napari_sr.inference._runners import (
    Cascade,
    Float32Fallback,
    GlobalStatistics,
    Runner,
    TorchRunner,
    WindowPositions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.inference._plan import Plan

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


D4 = tuple(product((False, True), repeat=3))
"""The eight symmetries of the square: whether to flip Y, to flip X, and then to swap Y and X."""


class DihedralTransform:
    """Runs a runner on flipped and rotated windows, and transforms its outputs back.

    Parameters
    ----------
    runner : Runner
        The runner.
    symmetry : tuple of bool
        One of `D4`.
    """

    def __init__(self, runner: Runner, symmetry: tuple[bool, ...]) -> None:
        self.scale = runner.scale
        self._runner, self._symmetry = runner, symmetry

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows."""
        up, left, swap = self._symmetry
        window = batch.shape[-2], batch.shape[-1]
        output = self._runner(
            _apply(batch, up, left, swap), _transformed(positions, window, up, left, swap)
        )
        return _apply_inverse(output, up, left, swap)


class Ensemble:
    """Averages a runner over the eight symmetries of the square.

    Parameters
    ----------
    runners : sequence of Runner
        One `DihedralTransform` for each of `D4`: the network is the same, but a rotated image has its own statistics.

    References
    ----------
    R. Timofte et al., Seven ways to improve example-based single image super resolution, CVPR 2016.
    """

    def __init__(self, runners: Sequence[Runner]) -> None:
        self.scale = runners[0].scale
        self._runners = tuple(runners)

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """Enlarge windows."""
        outputs = (runner(batch, positions) for runner in self._runners)
        total = next(outputs)
        for output in outputs:
            total = total + output
        return total / len(self._runners)


def _apply(x: Tensor, up: bool, left: bool, swap: bool) -> Tensor:
    x = x.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])
    return x.mT if swap else x


def _apply_inverse(y: Tensor, up: bool, left: bool, swap: bool) -> Tensor:
    y = y.mT if swap else y
    return y.flip([axis for axis, flip in ((-2, up), (-1, left)) if flip])


def _transformed(
    positions: WindowPositions, window: tuple[int, int], up: bool, left: bool, swap: bool
) -> WindowPositions:
    """Positions of transformed windows in the transformed image."""
    (height, width), (h, w) = positions.size, window
    origins = [
        (height - y - h if up else y, width - x - w if left else x) for y, x in positions.origins
    ]
    boxes = []
    for t, u, b, v in positions.interiors:
        top, bottom = (h - b, h - t) if up else (t, b)
        start, stop = (w - v, w - u) if left else (u, v)
        boxes.append((start, top, stop, bottom) if swap else (top, start, bottom, stop))
    if swap:
        return WindowPositions(
            (width, height), tuple((x, y) for y, x in origins), tuple(boxes), positions.sample
        )
    return WindowPositions(positions.size, tuple(origins), tuple(boxes), positions.sample)


def build_runners(
    plan: Plan,
    counter: FallbackCounter,
    repeated: Callable[[int], None],
    statistics: Sequence[GlobalStatistics] = (),
) -> tuple[list[Runner], list[GlobalStatistics]]:
    """Runners for the native scale of a plan.

    Parameters
    ----------
    plan : Plan
        With at least one native scale.
    counter : FallbackCounter
        Counts pixels that bicubic replaced.
    repeated : callable
        Called with the number of windows that were repeated in float32.
    statistics : sequence of GlobalStatistics
        Of earlier runners for the same networks and image; none to begin with.

    Returns
    -------
    runners : list of Runner
        Networks one after the other, and averaged over flips and rotations if asked. Several, one for each flip and
        rotation, where their deviation is wanted.
    statistics : list of GlobalStatistics
        Of the networks, for the passes that gather them.
    """
    symmetries = D4 if plan.ensemble else D4[:1]
    count, ways = len(plan.native_scales), len(symmetries)
    gathered = list(statistics) or [GlobalStatistics() for _ in range(count * ways)]
    stages: list[list[Runner]] = []
    for i, native in enumerate(plan.native_scales):
        # The last output is the image, which passes that gather statistics do not use.
        make = partial(_runner, plan, native, repeated, output_needed=i + 1 < count)
        own = zip(symmetries, gathered[i * ways : (i + 1) * ways], strict=True)
        stages.append(
            [
                DihedralTransform(make(each), symmetry) if any(symmetry) else make(each)
                for symmetry, each in own
            ]
        )

    def checked(runner: Runner) -> Runner:
        return BicubicFallback(runner, counter) if plan.checked else runner

    if plan.uncertainty:
        chains = zip(*stages, strict=True)
        return [Cascade([checked(runner) for runner in chain]) for chain in chains], gathered
    chain = [checked(Ensemble(stage) if plan.ensemble else stage[0]) for stage in stages]
    return [Cascade(chain)], gathered


def _runner(
    plan: Plan,
    native: int,
    repeated: Callable[[int], None],
    statistics: GlobalStatistics,
    *,
    output_needed: bool,
) -> Runner:
    network, value_range = plan.model.network(native), plan.model.card.value_range
    make = partial(TorchRunner, network, value_range, plan.device, output_needed=output_needed)
    runner = make(plan.precision, statistics)
    if plan.precision == "float32":
        return runner
    return Float32Fallback(runner, make("float32", statistics), repeated)
