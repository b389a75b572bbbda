"""Engine: executes a plan batch by batch, and tells after each how far it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError
from napari_sr.inference._frames import Frames
from napari_sr.inference._isotropic import enlarge_stack
from napari_sr.inference._memory import check_output
from napari_sr.inference._ranges import measure_ranges
from napari_sr.inference._sweep import Progress, Sweep
from napari_sr.inference._tiles import cut_tiles

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_sr.inference._plan import Plan


Run = Generator[Progress, None, Any]


def run(plan: Plan, image: ArrayLike) -> Run:
    """Execute a plan.

    Parameters
    ----------
    plan : Plan
        Made for this image.
    image : array_like
        Of the plan's shape and dtype; not changed.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles. Closing the generator stops the run.

    Returns
    -------
    array
        The enlarged image, shape ``plan.out_shape``, dtype ``plan.dtype``. Where the plan asks for the uncertainty, a
        pair: the image, and the standard deviation as float32, or float64 for 64-bit images.

    Raises
    ------
    InputError
        If the image is not the one that was planned for.
    OutputTooLargeError
        If the output does not fit into the free memory.
    DeviceError
        If even the smallest tile does not fit.
    """
    array = np.asarray(image)
    if array.shape != plan.in_shape or array.dtype != plan.dtype:
        raise InputError(
            f"the plan is for {plan.dtype} {plan.in_shape}, not {array.dtype} {array.shape}"
        )
    check_output(plan)
    if plan.sides:
        return (yield from enlarge_stack(plan, array, run))
    yield Progress(0, plan.steps)
    kind = np.dtype(np.float64 if plan.dtype.itemsize == 8 else np.float32)
    if not plan.passes:
        same = array.copy()
        return (same, np.zeros(same.shape, kind)) if plan.uncertainty else same
    try:
        out = np.empty(plan.out_shape, plan.dtype)
        deviation = np.empty(plan.out_shape if plan.uncertainty else (0,) * out.ndim, kind)
    except MemoryError:  # the operating system had less than it said
        check_output(dataclasses.replace(plan, scale=plan.scale))
        raise
    source, sink = Frames(array, plan.axes), Frames(out, plan.out_axes)
    ranges = measure_ranges(
        source.by_channel(plan.axes.channels), plan.axes, plan.dtype, plan.intensity_range
    )
    tiles = cut_tiles(len(source), *source.bounds, plan.tile)
    spread = Frames(deviation, plan.out_axes) if plan.uncertainty else None
    yield from Sweep(plan, source, ranges, sink, spread).run(tiles)
    return (out, deviation) if plan.uncertainty else out
