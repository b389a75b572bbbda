"""From a plan to the runners that execute it, with the self-ensemble over the eight symmetries of the square."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from napari_sr.inference._fallback import BicubicFallback, FallbackCounter
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

    from torch import Tensor

    from napari_sr.inference._plan import Plan

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
