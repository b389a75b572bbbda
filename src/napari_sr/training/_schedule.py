"""The learning rate of every step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.training._recipe import ScheduleRecipe


def learning_rate(recipe: ScheduleRecipe, iterations: int, iteration: int) -> float:
    """Cosine annealing with restarts, after a linear warm-up.

    Parameters
    ----------
    recipe : ScheduleRecipe
        Rates, periods and restart weights.
    iterations : int
        Steps of the whole run: the one period where the recipe names none.
    iteration : int
        Step, counted from 0.

    References
    ----------
    I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017, eq. 5.
    """
    if iteration < recipe.warmup:
        return recipe.lr * (iteration + 1) / recipe.warmup
    periods = recipe.periods or (iterations,)
    restarts = recipe.restarts or (1.0,) * len(periods)
    for period, restart in zip(periods, restarts, strict=True):
        if iteration < period:
            top = recipe.lr * restart
            return (
                recipe.lr_min
                + (top - recipe.lr_min) * (1 + math.cos(math.pi * iteration / period)) / 2
            )
        iteration -= period
    return recipe.lr_min
