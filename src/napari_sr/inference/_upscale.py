"""The one call: an array in, a larger one out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._steps import finish
from napari_sr.inference._arrays import as_dask, is_lazy
from napari_sr.inference._engine import run
from napari_sr.inference._lazy import enlarge_lazily
from napari_sr.inference._planner import plan
from napari_sr.inference._where import plan_where_it_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_sr.inference._options import TileOption
    from napari_sr.models import Model


def upscale(
    image: Any,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    axes: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: TileOption = "auto",
    ensemble: bool = False,
    progress: Callable[[int, int], None] | None = None,
    *,
    intensity_range: tuple[float, float] | None = None,
    tile_mode: str = "seamless",
    isotropic: float | None = None,
    uncertainty: bool = False,
) -> Any:
    """Enlarge an image or a stack of images with a network.

    Parameters
    ----------
    image : array_like, dask array or Zarr array
        Two dimensions or more, of bool, integers or floating point, of any range; not changed. NaN and infinities
        are allowed.
    scale : float or pair of float
        Output pixels per input pixel, for Y and X or one each; at least 1.
    model : str, Path or Model
        Id in the catalog (`napari_sr.list_models`), path of a checkpoint, or a loaded model.
    axes : str, optional
        One letter a dimension, as tifffile writes them: Y, X; S for samples of a pixel (RGB, RGBA); C for
        independent channels; T, Z or any other for stacks. Without: YX, YXS where the last of three dimensions is
        3 or 4 long, else stacks before Y and X.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"`` or ``"mps"``.
    precision : str
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.
    tile : int, pair of int, "auto" or None
        Input pixels that are enlarged at once, or None for all. The result does not depend on it; for networks with
        global attention see `tile_mode`.
    ensemble : bool
        Take the mean over the eight flips and rotations: better by about 0.1 dB, eight times slower.
    progress : callable, optional
        Called with tiles done and tiles in all. To stop the run let it raise, e.g. `CancelledError`.
    intensity_range : pair of float, optional
        Intensities that the network sees as black and white. Without, RGB of 8 bits has 0 to 255, of floating point
        0 to 1, and all else what is found in the image, outliers apart, once for a whole stack and channel.
        Intensities beyond it are not lost: they are enlarged bicubically.
    tile_mode : str
        For networks that use statistics of the whole image, gathered in looks at all tiles before they are enlarged:
        ``"seamless"``, in which a tiled image differs from a whole one by less than one grey level of 255, or
        ``"exact"``, less than 0.05, with a few looks more. For all others the two are the same.
    isotropic : float, optional
        Distance of two planes along Z in pixels of the image: Z is enlarged, too, until voxels are cubes, by running
        the network on XZ and YZ slices and averaging. Y and X are enlarged by `scale` as ever; with 1 they stay.
    uncertainty : bool
        Return also the standard deviation over the eight flips and rotations, in intensities; implies `ensemble`.

    Returns
    -------
    array, or dask array for dask and Zarr arrays
        Y and X are ``round(size · scale)`` long; axes and dtype are those of the image. A dask array is computed
        where it is looked at, on the cluster of the `distributed.Client` that is in use, if any; `progress` is not
        called. With `isotropic`, Z is ``round(size · isotropic · scale)`` long. With `uncertainty`, a pair of
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
        If the model cannot be had.
    """
    lazy = is_lazy(image)
    array = as_dask(image) if lazy else np.asanyarray(image)
    decide = plan_where_it_runs if lazy else plan
    planned = decide(
        array,
        scale,
        model,
        axes,
        device,
        precision,
        tile,
        ensemble,
        intensity_range=intensity_range,
        tile_mode=tile_mode,
        isotropic=isotropic,
        uncertainty=uncertainty,
    )
    if lazy:
        return enlarge_lazily(planned, array)
    return finish(run(planned, array), progress and (lambda step: progress(step.done, step.total)))
