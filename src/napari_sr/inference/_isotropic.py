"""Isotropic stacks: Z is enlarged, too, until planes are as close as pixels.

Planes of a confocal stack are several pixels apart. The network runs on the XZ and on the YZ slices, each enlarged
along Z alone, and the two are averaged, which reduces hallucinated detail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sr.errors import InputError
from napari_sr.imaging import to_dtype
from napari_sr.inference._plan import IsotropicPlan, Plan, working_dtype
from napari_sr.inference._ranges import fixed_range
from napari_sr.inference._report import Facts, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray


__all__ = ["execute_isotropic", "plan_isotropic"]

_SLICES = (str.maketrans("ZY", "YZ"), str.maketrans("ZYX", "YXZ"))
"""Axis letters of XZ slices, whose rows are Z, and of YZ slices."""
_EQUAL = 1e-6
"""Difference from 1 below which a factor along Z enlarges nothing: rounding of pixel sizes."""

_Arrays = tuple["NDArray[Any]", "NDArray[Any] | None", Facts]


def plan_isotropic(base: Plan, spacing: float, decide: Callable[..., Plan]) -> Plan | IsotropicPlan:
    """Plan an isotropic stack.

    Parameters
    ----------
    base : Plan
        For Y and X.
    spacing : float
        Distance of two planes, in pixels of the input.
    decide : callable
        Plans the slices: ``(axes, dtype, scale, intensity_range)`` to a `Plan`.

    Returns
    -------
    IsotropicPlan or Plan
        `base` where planes are already as close as the output's pixels.

    Raises
    ------
    InputError
        If there is no Z, or planes are closer than the output's pixels.
    """
    letters = base.axes.letters
    if "Z" not in letters:
        raise InputError(f"axes {letters!r} have no Z; isotropic is for stacks of planes")
    factor = spacing * base.scale[0]
    if factor < 1 - _EQUAL:
        raise InputError(
            f"planes are {spacing:g} pixels apart, closer than the result's pixels; isotropic only enlarges Z"
        )
    if abs(factor - 1) < _EQUAL:
        return base
    kind = working_dtype(base.dtype)
    known = base.intensity_range or fixed_range(base.axes, base.dtype)
    first, second = (
        decide(replace(base.out_axes, letters=letters.translate(names)), kind, (factor, 1.0), known)
        for names in _SLICES
    )
    return IsotropicPlan(base, (first, second))


def execute_isotropic(
    plan: IsotropicPlan,
    image: NDArray[Any],
    execute: Callable[[Plan, NDArray[Any]], Generator[Progress, None, _Arrays]],
) -> Generator[Progress, None, _Arrays]:
    """Execute an isotropic plan.

    Parameters
    ----------
    plan : IsotropicPlan
        Made for this image.
    image : array
        The stack.
    execute : callable
        Executes one part, as a generator of progress that returns image, deviation and facts.

    Returns
    -------
    generator
        Yields the progress of all parts together, and returns the stack in its own dtype, no deviation, and facts.
    """
    kind = working_dtype(plan.dtype)
    known = plan.base.intensity_range or fixed_range(plan.axes, plan.dtype)
    base = replace(plan.base, dtype=kind, intensity_range=known)
    done, total, facts = 0, plan.steps, Facts()
    volume: NDArray[Any] = image.astype(kind)
    if base.native_scales:
        volume, _, facts = yield from _counted(execute(base, volume), done, total, facts)
        done += base.steps
    mean: NDArray[Any] | None = None
    for part in plan.slices:
        enlarged, _, facts = yield from _counted(execute(part, volume), done, total, facts)
        done += part.steps
        mean = enlarged if mean is None else _average(mean, enlarged)
    assert mean is not None
    return to_dtype(mean, plan.dtype), None, facts


def _average(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Mean of two volumes, in place; halved first, so that large values do not overflow."""
    first /= 2
    second /= 2
    first += second
    return first


def _counted(
    steps: Generator[Progress, None, _Arrays], before: int, total: int, facts: Facts
) -> Generator[Progress, None, _Arrays]:
    """The same run, its progress and its facts added to those of the runs before."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            image, deviation, new = end.value
            return image, deviation, facts + new
        messages = tuple(dict.fromkeys((*facts.messages, *step.messages)))
        yield Progress(before + step.done, max(total, before + step.total), messages)
