"""Execution of a plan on an image in memory, as a generator of progress that returns the result."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._text import format_bytes
from napari_sr.errors import InputError, OutputTooLargeError
from napari_sr.inference._cost import learn_speed
from napari_sr.inference._isotropic import execute_isotropic
from napari_sr.inference._machine import free_memory
from napari_sr.inference._plan import IsotropicPlan
from napari_sr.inference._ranges import measure_ranges
from napari_sr.inference._report import Facts, Progress, RunLog, UpscaleResult
from napari_sr.inference._stack import ImageStack
from napari_sr.inference._tile_loop import TileLoop
from napari_sr.inference._tiles import cut_tiles

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_sr.inference._plan import AnyPlan, Plan

__all__ = ["Execution", "check_memory", "execute"]

Execution = Generator[Progress, None, UpscaleResult]
"""Yields the progress after each batch of tiles and returns the result; closing it cancels the run."""

_SHARE = 0.9
"""Share of the free memory that a result may take; tiles need some, too."""


def execute(plan: AnyPlan, image: ArrayLike) -> Execution:
    """Execute a plan.

    Parameters
    ----------
    plan : Plan or IsotropicPlan
        Made for this image.
    image : array_like
        Of the plan's shape and dtype; not changed.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles. Closing the generator stops the run.

    Returns
    -------
    UpscaleResult
        Its image is an array of shape ``plan.out_shape`` and dtype ``plan.dtype``. Where the plan asks for the
        uncertainty, its deviation is float32, or float64 for 64-bit images.

    Raises
    ------
    InputError
        If the image is not the one that was planned for.
    OutputTooLargeError
        If what must be held does not fit into the free memory.
    DeviceError
        If even the smallest tile does not fit.
    """
    array = np.asarray(image)
    if array.shape != plan.in_shape or array.dtype != plan.dtype:
        raise InputError(
            f"the plan is for {plan.dtype} {plan.in_shape}, not {array.dtype} {array.shape}"
        )
    check_memory(plan)
    yield Progress(0, plan.steps)
    if isinstance(plan, IsotropicPlan):
        enlarged, deviation, facts = yield from execute_isotropic(plan, array, _execute_2d)
    else:
        enlarged, deviation, facts = yield from _execute_2d(plan, array)
    log = RunLog()
    log.add(facts)
    return UpscaleResult(enlarged, plan, log, deviation)


def check_memory(plan: AnyPlan) -> None:
    """Check that all that a run holds as a whole fits into the free memory.

    Raises
    ------
    OutputTooLargeError
        If not; the message gives both sizes, and the way out.
    """
    free = free_memory("cpu")
    if plan.bytes_held > _SHARE * free:
        raise OutputTooLargeError(
            f"the result needs {format_bytes(plan.bytes_held)} of memory and {format_bytes(free)} are free; "
            "pass a dask or zarr array to upscale it piece by piece, or write OME-Zarr from the command line"
        )


def _execute_2d(
    plan: Plan, array: NDArray[Any]
) -> Generator[Progress, None, tuple[NDArray[Any], NDArray[Any] | None, Facts]]:
    """Enlarge Y and X."""
    deviation: NDArray[Any] | None = None
    if not plan.native_scales:
        if plan.uncertainty:
            deviation = np.zeros(array.shape, plan.deviation_dtype)
        return array.copy(), deviation, Facts()
    try:
        out = np.empty(plan.out_shape, plan.dtype)
        if plan.uncertainty:
            deviation = np.empty(plan.out_shape, plan.deviation_dtype)
    except MemoryError:  # the operating system had less than it reported
        check_memory(plan)
        raise
    source, sink = ImageStack(array, plan.axes), ImageStack(out, plan.out_axes)
    ranges = measure_ranges(
        source.by_channel(plan.axes.channels), plan.axes, plan.dtype, plan.intensity_range
    )
    tiles = cut_tiles(len(source), *source.bounds, plan.tile)
    deviations = None if deviation is None else ImageStack(deviation, plan.out_axes)
    facts = yield from TileLoop(plan, source, ranges, sink, deviations).run(tiles)
    if not facts.messages:  # otherwise the run was not the planned one
        learn_speed(plan, facts.seconds)
    return out, deviation, facts
