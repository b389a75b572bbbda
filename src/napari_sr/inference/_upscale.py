"""The calls for Python: an array or a spatial image in, a larger one out."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from napari_sr._dask import as_dask
from napari_sr._steps import finish, show_progress
from napari_sr.imaging import SpatialImage, plane_distance, read_input
from napari_sr.inference._blockwise import execute_blockwise
from napari_sr.inference._execute import execute
from napari_sr.inference._options import UpscaleOptions
from napari_sr.inference._planner import make_plan, plan_on_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path
    from typing import TypeAlias, Unpack

    import dask.array as da
    from numpy.typing import DTypeLike, NDArray

    from napari_sr.inference._options import CommonKeywords, OptionKeywords
    from napari_sr.inference._plan import AnyPlan
    from napari_sr.inference._report import Progress, UpscaleResult
    from napari_sr.models import Model

    ShowProgress: TypeAlias = bool | Callable[[int, int], object] | None

__all__ = ["plan", "plan_image", "upscale", "upscale_image", "upscale_image_steps"]

_log = logging.getLogger("napari_sr")


@overload
def upscale(
    image: NDArray[Any],
    scale: float | Sequence[float] = ...,
    model: str | Path | Model = ...,
    axes: str | None = ...,
    *,
    progress: ShowProgress = ...,
    uncertainty: Literal[True],
    **options: Unpack[CommonKeywords],
) -> tuple[NDArray[Any], NDArray[Any]]: ...
@overload
def upscale(
    image: NDArray[Any],
    scale: float | Sequence[float] = ...,
    model: str | Path | Model = ...,
    axes: str | None = ...,
    *,
    progress: ShowProgress = ...,
    uncertainty: Literal[False] = ...,
    **options: Unpack[CommonKeywords],
) -> NDArray[Any]: ...
@overload
def upscale(
    image: da.Array,
    scale: float | Sequence[float] = ...,
    model: str | Path | Model = ...,
    axes: str | None = ...,
    *,
    progress: ShowProgress = ...,
    uncertainty: Literal[False] = ...,
    **options: Unpack[CommonKeywords],
) -> da.Array: ...
@overload
def upscale(
    image: Any,
    scale: float | Sequence[float] = ...,
    model: str | Path | Model = ...,
    axes: str | None = ...,
    *,
    progress: ShowProgress = ...,
    uncertainty: Literal[True],
    **options: Unpack[CommonKeywords],
) -> tuple[Any, Any]: ...
@overload
def upscale(
    image: Any,
    scale: float | Sequence[float] = ...,
    model: str | Path | Model = ...,
    axes: str | None = ...,
    *,
    progress: ShowProgress = ...,
    uncertainty: bool = ...,
    **options: Unpack[CommonKeywords],
) -> Any: ...
def upscale(
    image: Any,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    axes: str | None = None,
    *,
    progress: ShowProgress = None,
    uncertainty: bool = False,
    **options: Unpack[CommonKeywords],
) -> Any:
    """Enlarge an image or a stack of images with a network.

    Parameters
    ----------
    image : array_like, dask array, Zarr array, xarray.DataArray, torch.Tensor or PIL.Image.Image
        Two dimensions or more, of bool, integers or floating point, of any range; not changed. NaN and infinities
        are allowed.
    scale : float or pair of float
        Output pixels per input pixel, for Y and X or one each; at least 1.
    model : str, Path or Model
        Id in the catalog (`napari_sr.list_models`), path of a checkpoint, or a loaded model.
    axes : str, optional
        One letter a dimension, as tifffile writes them: Y, X; S for samples of a pixel (RGB, RGBA); C for
        independent channels; T, Z or any other for stacks. Without: the dimensions of an xarray; else YX, YXS where the
        last of three dimensions is 3 or 4 long, else stacks before Y and X.
    progress : bool or callable, optional
        True shows a bar in a terminal or notebook. A callable is called with tiles done and tiles in all; to stop
        the run let it raise, e.g. `CancelledError`.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"gpu"``, ``"cuda:1"``, ``"mps"``.
    precision : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.
    tile : int, pair of int, "auto" or None
        Input pixels that are enlarged at once, or None for all. The result does not depend on it; for networks with
        global attention see `tile_mode`.
    tile_mode : str
        For networks that use statistics of the whole image, gathered in passes over all tiles before they are
        enlarged: ``"seamless"``, in which a tiled image differs from a whole one by less than one gray level of
        255, or ``"exact"``, less than 0.05, with a few more passes. For all others the two are the same.
    ensemble : bool
        Average over the eight flips and rotations: better by about 0.1 dB, eight times slower.
    uncertainty : bool
        Return also the standard deviation over the eight flips and rotations, in intensities; implies `ensemble`.
    isotropic : bool
        Enlarge Z, too, until voxels are cubes, by running the network on XZ and YZ slices and averaging. Y and X are
        enlarged by `scale` as ever; with 1 they stay.
    z_spacing : float, optional
        For `isotropic`: distance of two planes along Z in pixels of the image.
    intensity_range : pair of float, optional
        Intensities that the network sees as black and white. Without, RGB of 8 bits has 0 to 255, of floating point
        0 to 1, and all else what is found in the image, outliers apart, once for a whole stack and channel.
        Intensities beyond it are not lost: they are enlarged bicubically.

    Returns
    -------
    array, or dask array for dask and Zarr arrays, or xarray.DataArray
        Y and X are ``round(size · scale)`` long; axes and dtype are those of the image. A dask array is computed
        where it is looked at, on the cluster of the `distributed.Client` that is in use, if any; `progress` is not
        called. With `isotropic`, Z is ``round(size · z_spacing · scale)`` long. With `uncertainty`, a pair of
        arrays, the second of floating point.

    Raises
    ------
    InputError
        If the image or an option cannot be used.
    OutputTooLargeError
        If the result does not fit into memory.
    DeviceError
        If the device or precision does not exist here.
    ModelNotFoundError, ModelLoadError
        If the model cannot be loaded.
    """
    chosen = UpscaleOptions(scale=scale, model=model, uncertainty=uncertainty, **options)
    given = read_input(image, axes)
    if given.lazy:
        result = execute_blockwise(plan_on_worker(given.array, chosen, given.axes), given.array)
        result.log.listen(partial(_log_new_messages, result, set()))
    else:
        made = make_plan(given.array.shape, given.array.dtype, given.axes, chosen)
        result = finish(execute(made, given.array), show_progress(progress))
        _log_new_messages(result, set())
    factors = factors_of(result.plan)
    enlarged = given.wrap(result.image, factors)
    if result.plan.uncertainty:
        return enlarged, given.wrap(result.deviation, factors)
    return enlarged


def plan(
    image: Any,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    axes: str | None = None,
    *,
    dtype: DTypeLike | None = None,
    measure: bool = True,
    **options: Unpack[OptionKeywords],
) -> AnyPlan:
    """Decide how an image will be upscaled, without doing it.

    Parameters
    ----------
    image : array, tuple of int or SpatialImage
        Anything that `upscale` or `upscale_image` takes, or a shape together with `dtype`.
    scale, model, axes, **options
        As for `upscale`.
    dtype : dtype, optional
        Of the image, where only its shape is given.
    measure : bool
        Measure the speed on a small image, for the estimate of time, if it is not known yet for this model,
        device and precision; it takes a moment. Without, the time is None until something was run.

    Returns
    -------
    Plan or IsotropicPlan
        Prints as one line. The same image, options and free memory give the same plan, but for the estimated time.

    Raises
    ------
    InputError
        If the image or an option cannot be used.
    DeviceError
        If the device or precision does not exist here.
    ModelNotFoundError, ModelLoadError
        If the model cannot be loaded.
    """
    chosen = UpscaleOptions(scale=scale, model=model, **options)
    if isinstance(image, SpatialImage):
        return plan_image(image.relabeled(axes), chosen, measure=measure)
    if dtype is not None and isinstance(image, (tuple, list)):
        return make_plan(tuple(image), dtype, axes, chosen, measure=measure)
    given = read_input(image, axes)
    array = given.array
    return make_plan(
        tuple(array.shape), array.dtype, given.axes, chosen, lazy=given.lazy, measure=measure
    )


def plan_image(
    image: SpatialImage, options: UpscaleOptions, *, lazy: bool | None = None, measure: bool = True
) -> AnyPlan:
    """Decide how a spatial image will be upscaled.

    Parameters
    ----------
    image : SpatialImage
        Nothing of a lazy one is read.
    options : UpscaleOptions
        What is asked. The distance of planes is known from the image's pixel sizes.
    lazy : bool, optional
        Whether it will be executed blockwise; left out, if the image is lazy and the options allow.
    measure : bool
        As for `plan`.

    Returns
    -------
    Plan or IsotropicPlan
        To be given to `execute`, or to `execute_blockwise`.
    """
    whole = options.isotropic or options.uncertainty
    blockwise = (image.lazy and not whole) if lazy is None else lazy
    if blockwise:
        return plan_on_worker(as_dask(image.data), options, image.axes)
    return make_plan(
        image.shape,
        image.dtype,
        image.axes,
        options,
        spacing=plane_distance(image) if options.isotropic else None,
        measure=measure,
    )


def upscale_image(
    image: SpatialImage,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    progress: ShowProgress = None,
    **options: Unpack[OptionKeywords],
) -> UpscaleResult:
    """Enlarge a spatial image: pixels, pixel size and position.

    Parameters
    ----------
    image : SpatialImage
        As `napari_sr.io.read_image` returns it.
    scale, model, progress, **options
        As for `upscale`. `z_spacing` may be left out where pixel sizes along Z, Y and X are known.

    Returns
    -------
    UpscaleResult
        `image`, and `deviation` where `uncertainty` is asked for, are spatial images: each block of output pixels lies
        where its input pixel lay. `report` is what happened. A lazy image gives a lazy one.

    Raises
    ------
    InputError, OutputTooLargeError, DeviceError, ModelNotFoundError, ModelLoadError
        As `upscale`.
    """
    chosen = UpscaleOptions(scale=scale, model=model, **options)
    made = plan_image(image, chosen)
    return finish(upscale_image_steps(image, made), show_progress(progress))


def upscale_image_steps(
    image: SpatialImage,
    made: AnyPlan,
    *,
    blockwise: bool | None = None,
    blocks: Literal["square", "rows"] = "square",
) -> Generator[Progress, None, UpscaleResult]:
    """Execute a plan on a spatial image.

    Parameters
    ----------
    image : SpatialImage
        What was planned.
    made : Plan or IsotropicPlan
        As `plan_image` made it.
    blockwise : bool, optional
        Whether the result is lazy; left out, if the image is and the plan allows.
    blocks : {"square", "rows"}
        As for `execute_blockwise`.

    Returns
    -------
    generator
        Yields progress and returns an `UpscaleResult` around spatial images.
    """
    whole = len(made.parts) > 1 or made.uncertainty
    lazy = (image.lazy and not whole) if blockwise is None else blockwise
    if lazy:
        result = execute_blockwise(made, image.data, blocks=blocks)
    else:
        result = yield from execute(made, np.asarray(image.data))
    factors = factors_of(made)
    deviation = result.deviation
    return result.with_images(
        image.finer(result.image, factors),
        None if deviation is None else image.finer(deviation, factors),
    )


def factors_of(made: AnyPlan) -> dict[str, float]:
    """Output pixels per input pixel, by axis."""
    return {"Z": made.z_scale, "Y": made.scale[0], "X": made.scale[1]}


def _log_new_messages(result: UpscaleResult, seen: set[str]) -> None:
    """Show what the user should know on the console, once."""
    report = result.report
    # The count of replaced pixels grows with each block of a lazy result: it is shown at first and at the end.
    counted = any(message not in report.facts.messages for message in seen)
    for message in report.facts.messages if counted and not report.complete else report.messages:
        if message not in seen:
            seen.add(message)
            _log.warning(message)
