"""From a plan to the runner that executes it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_sr.inference._ensemble import WAYS, Ensemble, Turned
from napari_sr.inference._guard import Guarded, Tally
from napari_sr.inference._runner import Careful, Cascade, Runner, TorchRunner
from napari_sr.inference._statistics import GlobalStatistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.inference._plan import Plan


def build_runners(
    plan: Plan,
    say: Callable[[str], None],
    tally: Tally,
    known: Sequence[GlobalStatistics] = (),
) -> tuple[list[Runner], list[GlobalStatistics]]:
    """Runners for the native scale of a plan.

    Parameters
    ----------
    plan : Plan
        With at least one pass.
    say : callable
        Told in one line what the user should know.
    tally : Tally
        Where pixels are counted that the guard replaced.
    known : sequence of GlobalStatistics
        What the networks of earlier runners for the same passes knew of the image; none to begin with.

    Returns
    -------
    runners : list of Runner
        Networks one after the other, each careful in low precision, and averaged over flips and rotations if
        asked. Several, one for each flip and rotation, where their deviation is wanted.
    statistics : list of GlobalStatistics
        What its networks know of the image.
    """
    ways = WAYS if plan.ensemble else WAYS[:1]
    count = len(plan.passes)
    statistics = list(known) or [GlobalStatistics() for _ in range(count * len(ways))]
    turned: list[list[Runner]] = []
    for i, scale in enumerate(plan.passes):
        # The last one's answer is the image; while tiles are only looked at, nobody needs that.
        one = partial(_one, plan, scale, say, needed=i + 1 < count)
        mine = zip(ways, statistics[i * len(ways) : (i + 1) * len(ways)], strict=True)
        turned.append([Turned(one(each), way) if any(way) else one(each) for way, each in mine])

    def guarded(runner: Runner) -> Runner:
        return Guarded(runner, tally) if plan.guarded else runner

    if plan.uncertainty:
        chains = zip(*turned, strict=True)
        return [Cascade([guarded(runner) for runner in chain]) for chain in chains], statistics
    passes = [guarded(Ensemble(each) if plan.ensemble else each[0]) for each in turned]
    return [Cascade(passes)], statistics


def _one(
    plan: Plan,
    scale: int,
    say: Callable[[str], None],
    statistics: GlobalStatistics,
    *,
    needed: bool,
) -> Runner:
    network, value_range = plan.model.network(scale), plan.model.card.value_range
    make = partial(TorchRunner, network, value_range, plan.device, needed=needed)
    runner = make(plan.precision, statistics)
    if plan.precision == "float32":
        return runner
    full = make("float32", statistics)
    return Careful(runner, full, say)
