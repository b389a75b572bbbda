"""From a plan to the runner that executes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sr.inference._ensemble import Ensemble
from napari_sr.inference._runner import Careful, Cascade, Runner, TorchRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.inference._plan import Plan


def build_runner(plan: Plan, say: Callable[[str], None]) -> Runner:
    """Runner for the native scale of a plan.

    Parameters
    ----------
    plan : Plan
        With at least one pass.
    say : callable
        Told in one line what the user should know.

    Returns
    -------
    Runner
        Networks one after the other; each careful in low precision, and averaged over flips and rotations if asked.
    """
    runners = []
    for scale in plan.passes:
        network, value_range = plan.model.network(scale), plan.model.card.value_range
        runner: Runner = TorchRunner(network, value_range, plan.device, plan.precision)
        if plan.precision != "float32":
            runner = Careful(runner, TorchRunner(network, value_range, plan.device, "float32"), say)
        runners.append(Ensemble(runner) if plan.ensemble else runner)
    return Cascade(runners)
