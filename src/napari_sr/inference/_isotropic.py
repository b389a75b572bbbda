"""Isotropic stacks: Z is enlarged, too, until planes are as close as pixels.

Planes of a confocal stack are several pixels apart. The network runs on the XZ and on the YZ slices, each enlarged
along Z alone, and the two are averaged, which reduces hallucinated detail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.imaging import to_dtype
from napari_sr.inference._plan import Plan, describe_size
from napari_sr.inference._ranges import fixed_range
from napari_sr.inference._report import Facts, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from napari_sr.imaging import Axes
    from napari_sr.models import Model

__all__ = ["IsotropicPlan", "execute_isotropic", "plan_isotropic"]

_SLICES = (str.maketrans("ZY", "YZ"), str.maketrans("ZYX", "YXZ"))
"""Axis letters of XZ slices, whose rows are Z, and of YZ slices."""
_EQUAL = 1e-6
"""Difference from 1 below which a factor along Z enlarges nothing: rounding of pixel sizes."""

_Arrays = tuple["NDArray[Any]", "NDArray[Any] | None", Facts]


@dataclass(frozen=True, slots=True)
class IsotropicPlan:
    """How a stack becomes isotropic: its planes are enlarged first, then its slices along Z."""

    base: Plan
    """For Y and X, in the dtype of the input."""
    slices: tuple[Plan, Plan]
    """For XZ and YZ slices of the enlarged stack, along Z alone."""

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The runs that the plan consists of, in their order."""
        return (self.base, *self.slices)

    @property
    def model(self) -> Model:
        """The loaded model."""
        return self.base.model

    @property
    def model_id(self) -> str:
        """Id of the model."""
        return self.base.model_id

    @property
    def scale(self) -> tuple[float, float]:
        """Output pixels per input pixel along Y and X."""
        return self.base.scale

    @property
    def z_scale(self) -> float:
        """Output planes per input plane."""
        return self.slices[0].scale[0]

    @property
    def axes(self) -> Axes:
        """Letters and shape of the input."""
        return self.base.axes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of input and output."""
        return self.base.dtype

    @property
    def device(self) -> str:
        """Device of all runs."""
        return self.base.device

    @property
    def precision(self) -> str:
        """Precision of all runs."""
        return self.base.precision

    @property
    def uncertainty(self) -> bool:
        """Whether the standard deviation is returned, too: never."""
        return False

    @property
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.base.in_shape

    @property
    def out_axes(self) -> Axes:
        """Letters and shape of the output."""
        return replace(self.base.axes, shape=self.slices[0].out_shape)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.slices[0].out_shape

    @property
    def bytes_out(self) -> int:
        """Bytes of the output image."""
        return math.prod(self.out_shape) * self.dtype.itemsize

    @property
    def bytes_held(self) -> int:
        """Bytes of all that a run holds as a whole at a time.

        The input in the working type beside the enlarged planes, or these beside both volumes; the output is made of
        one volume in the working type.
        """
        itemsize = working_dtype(self.dtype).itemsize
        planes, volume = (
            math.prod(self.base.out_shape) * itemsize,
            math.prod(self.out_shape) * itemsize,
        )
        first = math.prod(self.in_shape) * itemsize + planes
        return max(first, planes + 2 * volume, volume + self.bytes_out)

    @property
    def n_tiles(self) -> int:
        """Tiles of all runs together."""
        return sum(part.n_tiles for part in self.parts)

    @property
    def steps(self) -> int:
        """Tiles to run, at most, those of statistics passes included."""
        return sum(part.steps for part in self.parts)

    @property
    def memory(self) -> int | None:
        """Estimated bytes needed beside what is held as a whole; None if unknown."""
        return max((part.memory or 0 for part in self.parts), default=0) or None

    @property
    def seconds(self) -> float | None:
        """Estimated duration; None if unknown."""
        known = [part.seconds for part in self.parts if part.native_scales]
        return None if None in known else sum(filter(None, known))

    def __str__(self) -> str:
        """One line for people."""
        return describe_size(self, f", Z x{self.z_scale:g} from XZ and YZ slices")


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


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of volumes between the runs: wide enough that nothing is rounded twice."""
    narrow = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


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
