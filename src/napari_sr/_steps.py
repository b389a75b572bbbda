"""Work that is done step by step, as a generator: running it to its end, and showing its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["finish", "show_progress"]

Step = TypeVar("Step")
Result = TypeVar("Result")


def finish(
    steps: Generator[Step, Any, Result], tell: Callable[[Step], object] | None = None
) -> Result:
    """Run a generator to its end.

    Parameters
    ----------
    steps : generator
        Of states of progress.
    tell : callable, optional
        Called with each of them. An exception that it raises ends the work.

    Returns
    -------
    object
        What the generator returns.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return cast("Result", end.value)
        if tell is not None:
            tell(step)


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
