"""From a plan to the runner that executes it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_sr.inference._ensemble import WAYS, Ensemble
from napari_sr.inference._guard import Guarded, Tally
from napari_sr.inference._runner import Careful, Cascade, Runner, TorchRunner
from napari_sr.inference._statistics import GlobalStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.inference._plan import Plan


def build_runner(
    plan: Plan,
    say: Callable[[str], None],
    tally: Tally,
    known: Sequence[GlobalStatistics] = (),
) -> tuple[Runner, list[GlobalStatistics]]:
    """Runner for the native scale of a plan.

    Parameters
    ----------
    plan : Plan
        With at least one pass.
    say : callable
        Told in one line what the user should know.
    tally : Tally
        Where pixels are counted that the guard replaced.
    known : sequence of GlobalStatistics
        What the networks of an earlier runner for the same passes knew of the image; none to begin with.

    Returns
    -------
    runner : Runner
        Networks one after the other; each careful in low precision, and averaged over flips and rotations
        if asked.
    statistics : list of GlobalStatistics
        What its networks know of the image.
    """
    ways = len(WAYS) if plan.ensemble else 1
    statistics = list(known) or [GlobalStatistics() for _ in range(len(plan.passes) * ways)]
    runners: list[Runner] = []
    for i, scale in enumerate(plan.passes):
        # The last one's answer is the image; while tiles are only looked at, nobody needs that.
        needed = i + 1 < len(plan.passes)
        mine = [
            _one(plan, scale, say, each, needed) for each in statistics[i * ways : (i + 1) * ways]
        ]
        runner = Ensemble(mine) if plan.ensemble else mine[0]
        runners.append(Guarded(runner, tally) if plan.guarded else runner)
    return Cascade(runners), statistics


def _one(
    plan: Plan, scale: int, say: Callable[[str], None], statistics: GlobalStatistics, needed: bool
) -> Runner:
    network, value_range = plan.model.network(scale), plan.model.card.value_range
    make = partial(TorchRunner, network, value_range, plan.device, needed=needed)
    runner = make(plan.precision, statistics)
    if plan.precision == "float32":
        return runner
    full = make("float32", statistics)
    return Careful(runner, full, say)
