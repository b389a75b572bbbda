"""Progress for people: a bar in a terminal or a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["show_progress"]


def show_progress(
    wanted: bool | Callable[[int, int], object] | None, unit: str = "tile"
) -> Callable[[Any], object] | None:
    """A function that shows states of progress.

    Parameters
    ----------
    wanted : bool or callable, optional
        True for a bar in a terminal or notebook. A callable is called with steps done and steps in all.
    unit : str
        What is counted, in the singular.

    Returns
    -------
    callable or None
        Takes objects with the attributes ``done`` and ``total``; None where nothing is shown.
    """
    if not wanted:
        return None
    if callable(wanted):
        return lambda step: wanted(step.done, step.total)
    from tqdm.auto import tqdm

    bar = tqdm(unit=unit)

    def advance(step: Any) -> None:
        bar.total = step.total
        bar.update(step.done - bar.n)
        if step.done >= step.total:
            bar.close()

    return advance
