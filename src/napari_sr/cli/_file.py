"""One file: read, plan, run, write, with the pixel size and the place in the world carried through."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_sr._steps import finish
from napari_sr.cli._jobs import suffix_of
from napari_sr.cli._large import BY_BLOCKS, by_blocks, goes_by_blocks
from napari_sr.cli._output import try_output, write_output
from napari_sr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_sr.cli._jobs import Job
    from napari_sr.cli._options import Factor, Tile
    from napari_sr.imaging import Array
    from napari_sr.inference import Plan
    from napari_sr.io import SpatialImage
    from napari_sr.models import Model

_log = logging.getLogger("napari_sr")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the images of a call are upscaled; see `napari_sr.upscale`."""

    scale: Factor
    model: Model
    device: str = "auto"
    precision: str = "auto"
    tile: Tile = "auto"
    tile_mode: str = "seamless"
    ensemble: bool = False
    isotropic: bool = False
    uncertainty: bool = False
    axes: str | None = None
    """Instead of what the file says."""
    intensity_range: tuple[float, float] | None = None


def upscale_file(
    job: Job,
    settings: Settings,
    planned: Callable[[Plan], object],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Upscale one file.

    Parameters
    ----------
    job : Job
        What to read and where to write.
    settings : Settings
        How.
    planned : callable
        Told the plan before it is executed.
    progress : callable or None
        Told tiles done and in all; None to stop after the plan.
    """
    import numpy as np

    from napari_sr.inference import plan, plan_where_it_runs
    from napari_sr.io import read_image

    image = _relabelled(read_image(job.source), settings.axes)
    if (count := image.metadata.get("series", 1)) > 1:
        _log.warning("%s holds %d images; only the first is upscaled", job.source, count)
    more: dict[str, Any] = {}
    if settings.isotropic:
        more["isotropic"] = plane_distance(image)
    if settings.isotropic or settings.uncertainty:
        more["uncertainty"] = settings.uncertainty
        image = replace(image, data=np.asarray(image.data))
    # What needs the whole image runs in this process, cluster or not.
    decide = plan if more else plan_where_it_runs
    chosen = decide(
        image.data,
        settings.scale,
        settings.model,
        image.axes,
        settings.device,
        settings.precision,
        settings.tile,
        settings.ensemble,
        intensity_range=settings.intensity_range,
        tile_mode=settings.tile_mode,
        **more,
    )
    planned(chosen)
    if progress is not None:
        try_output(job, image)
        if not more and goes_by_blocks(chosen, image.data, job.target):
            result = by_blocks(chosen, image.data, progress)
        else:
            result = _run(chosen, image.data, progress)
        factors = (chosen.z_scale, *chosen.scale)
        if chosen.uncertainty:
            result, deviation = result
            beside = replace(job, target=uncertainty_path(job.target))
            write_output(beside, enlarged(image, deviation, factors), chosen)
        # Last, since it tells a later call that all is done.
        write_output(job, enlarged(image, result, factors), chosen)


def plane_distance(image: SpatialImage) -> float:
    """Distance of two planes along Z in pixels, as the file says.

    Raises
    ------
    InputError
        If there is no Z, or no sizes of pixels.
    """
    if "Z" not in image.axes:
        raise InputError(f"axes {image.axes} have no Z; --isotropic is for stacks of planes")
    z, y, x = (abs(image.size_along(axis)) for axis in "ZYX")
    if z == y == x == 1 or image.unit_along("Z") != image.unit_along("X"):
        raise InputError("the file does not say how far apart planes and pixels are")
    return float(z / math.sqrt(y * x))


def uncertainty_path(target: Path) -> Path:
    """Where the standard deviation goes: beside the result, in a format of floating point."""
    suffix = suffix_of(target, (*BY_BLOCKS, *(f".ome{each}" for each in BY_BLOCKS)))
    stem = target.name[: -len(suffix)] if suffix else target.stem
    return target.with_name(f"{stem}-uncertainty{suffix or '.tif'}")


def enlarged(image: SpatialImage, data: Array, factors: tuple[float, ...]) -> SpatialImage:
    """The file that an upscaled image is: smaller pixels in the same place.

    Parameters
    ----------
    image : SpatialImage
        The input.
    data : array or dask array
        The result, axes as in the input.
    factors : tuple of float
        Output pixels per input pixel along Z, Y and X.

    Returns
    -------
    SpatialImage
        Pixel size divided by the factors; the first pixel's centre moved so that each block of
        output pixels lies where its input pixel lay.
    """
    factor = [dict(zip("ZYX", factors, strict=True)).get(axis, 1.0) for axis in image.axes]
    scale = tuple(size / f for size, f in zip(image.scale, factor, strict=True))
    # Pixel centres, not corners: the first output pixel's centre lies before the first input pixel's.
    shift = [size * (1 / f - 1) / 2 for size, f in zip(image.scale, factor, strict=True)]
    translation = tuple(t + s for t, s in zip(image.translation, shift, strict=True))
    return replace(image, data=data, scale=scale, translation=translation, levels=())


def _run(chosen: Plan, data: Any, progress: Callable[[int, int], None]) -> Any:
    from napari_sr.inference import run

    return finish(run(chosen, data), lambda step: progress(step.done, step.total))


def _relabelled(image: SpatialImage, axes: str | None) -> SpatialImage:
    """The image with other axes; what the file says of an axis follows its letter."""
    if axes is None or axes.upper() == image.axes:
        return image
    letters = axes.upper()

    def told(values: tuple[Any, ...], default: Any) -> tuple[Any, ...]:
        known = dict(zip(image.axes, values, strict=True))
        return tuple(known.get(letter, default) for letter in letters)

    return replace(
        image,
        axes=letters,
        scale=told(image.scale, 1.0),
        translation=told(image.translation, 0.0),
        units=told(image.units, "pixel"),
        channels=image.channels if "C" in letters else (),
        levels=(),
    )
