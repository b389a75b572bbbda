"""Work that is done step by step, as a generator, and how to run it to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

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
