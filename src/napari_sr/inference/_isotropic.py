"""Isotropic stacks: Z enlarged, too, until planes are as close as pixels.

Planes of a confocal stack lie several pixels apart. The network is run on its XZ and on its YZ slices, each enlarged
along Z alone, and the mean of both is taken: what one direction of slices makes up, the other does not repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import to_dtype
from napari_sr.inference._ranges import fixed_range
from napari_sr.inference._sweep import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.inference._plan import Plan

_SIDES = (str.maketrans("ZY", "YZ"), str.maketrans("ZYX", "YXZ"))
"""How the axes are called for XZ slices, of which Z is the rows, and for YZ slices."""
_NEAR = 1e-6

Execute = Callable[["Plan", "NDArray[Any]"], Generator[Progress, None, Any]]


def with_sides(base: Plan, step: float, decide: Callable[..., Plan]) -> Plan:
    """The plan for an isotropic stack.

    Parameters
    ----------
    base : Plan
        For Y and X.
    step : float
        Distance of two planes, in pixels of the input.
    decide : callable
        Plans an array of a shape: ``(shape, scale, axes=..., dtype=..., intensity_range=...)``.

    Returns
    -------
    Plan
        With plans for XZ and YZ slices; `base` where planes are already as close as the output's pixels.

    Raises
    ------
    InputError
        If there is no Z, Y and X are enlarged unequally, or planes are closer than pixels.
    """
    factor = _z_factor(base, step)
    if abs(factor - 1) < _NEAR:
        return base
    kind = working_dtype(base)
    known = base.intensity_range or fixed_range(base.axes, base.dtype)
    shape, letters = base.out_shape, base.axes.letters
    sides = tuple(
        decide(
            shape, (factor, 1.0), axes=letters.translate(names), dtype=kind, intensity_range=known
        )
        for names in _SIDES
    )
    return replace(
        base,
        sides=sides,
        seconds=_total([base.seconds if base.passes else 0.0, *(side.seconds for side in sides)]),
        memory=max((part.memory or 0 for part in (base, *sides)), default=0) or None,
    )


def _z_factor(base: Plan, step: float) -> float:
    if "Z" not in base.axes.letters:
        raise InputError(f"axes {base.axes.letters!r} have no Z; isotropic is for stacks of planes")
    if base.scale[0] != base.scale[1]:
        raise InputError("isotropic needs one scale for Y and X")
    if not (math.isfinite(step) and step > 0):
        raise InputError(f"isotropic must be the distance of planes in pixels, not {step!r}")
    factor = float(step) * base.scale[0]
    if factor < 1 - _NEAR:
        raise InputError(
            f"planes are {step:g} pixels apart, closer than the result's pixels; isotropic only enlarges Z"
        )
    return max(1.0, factor)


def working_dtype(plan: Plan) -> np.dtype[Any]:
    """Type of what lies between the steps: wide enough that nothing is rounded twice."""
    narrow = plan.dtype.itemsize <= 2 or plan.dtype == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


def _total(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def enlarge_stack(
    plan: Plan, image: NDArray[Any], execute: Execute
) -> Generator[Progress, None, NDArray[Any]]:
    """Execute a plan that has sides.

    Parameters
    ----------
    plan : Plan
        With sides.
    image : array
        What it was made for.
    execute : callable
        Executes a plan without sides.

    Returns
    -------
    generator
        Yields the progress of all parts together, and returns the stack in its own dtype.
    """
    kind = working_dtype(plan)
    known = plan.intensity_range or fixed_range(plan.axes, plan.dtype)
    base = replace(plan, sides=(), dtype=kind, intensity_range=known)
    done, total = 0, plan.steps
    volume = image.astype(kind)
    if base.passes:
        volume = yield from _counted(execute(base, volume), done, total)
        done += base.steps
    mean: NDArray[Any] | None = None
    for side in plan.sides:
        part = yield from _counted(execute(side, volume), done, total)
        done += side.steps
        mean = part if mean is None else _middle(mean, part)
    assert mean is not None
    return to_dtype(mean, plan.dtype)


def _middle(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    first /= 2
    second /= 2
    first += second
    return first


def _counted(
    steps: Generator[Progress, None, Any], before: int, total: int
) -> Generator[Progress, None, Any]:
    """The same, counted together with what was done before."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield Progress(before + step.done, max(total, before + step.total))
