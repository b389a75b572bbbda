"""A layer in, an upscaled layer out, at the same place in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._steps import finish
from napari_sr.errors import InputError
from napari_sr.layers._anisotropy import with_planes
from napari_sr.layers._record import run_record
from napari_sr.layers._remarks import listening
from napari_sr.layers._snapshot import LayerSnapshot, snapshot
from napari_sr.layers._visible import compute_visible

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from napari.layers import Layer

    from napari_sr.inference import Plan, Progress
    from napari_sr.layers._visible import View
    from napari_sr.models import Model

__all__ = ["plan_snapshot", "upscale_layer", "upscale_layer_steps", "upscale_snapshot_steps"]


def upscale_layer(
    layer: Layer,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> Any:
    """Upscale an image layer.

    Parameters
    ----------
    layer : napari.layers.Image
        Any number of dimensions, RGB(A), multiscale (level 0 is taken), NumPy, dask or Zarr. It is not changed.
        ``axis_labels`` such as "channel", "t", "y" are understood; else the last two dimensions are Y and X and
        the others a stack.
    scale : float or (float, float)
        Output pixels per input pixel, along Y and X: any number >= 1.
    model : str, Path or Model
        Id in the catalog, path of a checkpoint, or a loaded model.
    progress : callable, optional
        Called with (tiles done, tiles in all).
    **options
        As `napari_sr.upscale` takes them: ``device``, ``precision``, ``tile``, ``tile_mode``, ``ensemble``;
        and ``isotropic=True``: Z is enlarged, too, until voxels are cubes (Y and X by `scale`, which may be 1), or
        ``uncertainty=True``: a second layer shows the standard deviation over the self-ensemble.

    Returns
    -------
    napari.layers.Image
        At the same place in the world, of the same data type and looks, not yet added to a viewer. What made it
        stands in ``metadata["napari_sr"]``. Dask and Zarr layers give a lazy dask layer. With ``uncertainty``, a pair
        of layers; the second is not visible at first.

    Raises
    ------
    InputError
        If it is not an image layer or an option cannot be used.
    """
    steps = upscale_layer_steps(layer, scale, model, **options)
    return finish(steps, progress and (lambda step: progress(step.done, step.total)))


def upscale_layer_steps(
    layer: Layer | None,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    **options: Any,
) -> Generator[Progress, None, Any]:
    """`upscale_layer` in steps, to be run in another thread.

    Everything is read of the layer at this call; afterwards it may be changed or deleted.

    Parameters
    ----------
    layer, scale, model, **options
        As in `upscale_layer`.

    Returns
    -------
    generator
        Yields the progress after each batch of tiles and returns the new layer. Closing it cancels the run.

    Raises
    ------
    InputError
        At once, if it is not an image layer.
    """
    return upscale_snapshot_steps(snapshot(layer), scale, model, **options)


def upscale_snapshot_steps(
    source: LayerSnapshot,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    lazy: bool = True,
    pyramid: bool = False,
    view: View | None = None,
    plan: Plan | None = None,
    **options: Any,
) -> Generator[Progress, None, Any]:
    """`upscale_layer_steps` of a layer captured before.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    scale, model, **options
        As in `upscale_layer`.
    lazy : bool
        Whether dask and Zarr layers give a dask layer, computed where it is looked at; otherwise all is computed
        now.
    pyramid : bool
        Whether the result is a multiscale layer, the upscaled image being its finest level and the levels of the
        source the others; lazy whatever the source's data are.
    view : View, optional
        What of a dask layer is computed beforehand, because it will be looked at first.
    plan : Plan, optional
        Made by `plan_snapshot` with the same options, so that what was shown is what is run.

    Returns
    -------
    generator
        As that of `upscale_layer_steps`.

    Raises
    ------
    InputError
        If a pyramid is wanted of a layer that is not multiscale.
    """
    from napari_sr.inference import run, upscale

    if pyramid:
        _check_pyramid(source, scale, options)
    plan = plan or plan_snapshot(source, scale, model, **options)
    source = with_planes(source)[0] if plan.sides else source
    whole = bool(plan.sides) or plan.uncertainty
    options.pop("isotropic", None)
    remarks: list[str] = []
    with listening(remarks):
        if lazy and (source.lazy or pyramid) and not whole:
            data = upscale(_in_chunks(source), scale, model, axes=source.axes, **options)
            # Of a pyramid napari shows a coarser level first.
            if view is not None and not pyramid:
                data = yield from compute_visible(data, view)
        else:
            data = yield from run(plan, np.asarray(source.data))
    record = run_record(source.name, plan, remarks)
    scale = (plan.z_scale, *plan.scale)
    data, *deviation = data if plan.uncertainty else (data,)
    layer = source.layer(data, scale, suffix=_suffix(plan), record=record, pyramid=pyramid)
    return (layer, source.companion(layer, *deviation)) if deviation else layer


def plan_snapshot(
    source: LayerSnapshot,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    **options: Any,
) -> Plan:
    """What upscaling a captured layer would do.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    scale, model, **options
        As in `upscale_layer`.

    Returns
    -------
    Plan
        Nothing has been computed.
    """
    from napari_sr.inference import plan

    # Both need the whole image, of which there is only a shape as long as nothing is read.
    outline = {"dtype": source.data.dtype}
    if options.get("uncertainty"):
        options |= outline
    if options.pop("isotropic", False):
        source, distance = with_planes(source)
        options |= {**outline, "isotropic": distance}
    image = tuple(source.data.shape) if "dtype" in options else source.data
    return plan(image, scale, model, axes=source.axes, **options)


def _suffix(plan: Plan) -> str:
    """Of the new layer's name, such as ``"×2 ecbsr"`` or ``"×1.5×2 ecbsr"``."""
    if plan.sides:
        size = f"×{plan.scale[0]:g} " if plan.scale[0] > 1 else ""
        return f"{size}isotropic {plan.model_id}"
    factors = dict.fromkeys(f"×{factor:g}" for factor in plan.scale)
    return f"{''.join(factors)} {plan.model_id}"


def _in_chunks(source: LayerSnapshot) -> Any:
    """The data as an array that can be computed in parts."""
    import dask.array as da

    return source.data if source.lazy else da.from_array(np.asarray(source.data), name=False)


def _check_pyramid(
    source: LayerSnapshot, scale: float | Sequence[float], options: Mapping[str, Any]
) -> None:
    if not source.multiscale:
        raise InputError(
            f"'{source.name}' is not multiscale, so the result cannot be its new finest level; "
            "leave out pyramid=True"
        )
    if max(np.ravel(scale)) <= 1:
        raise InputError("a new finest level needs a scale above 1")
    if options.get("isotropic") or options.get("uncertainty"):
        raise InputError(
            "an isotropic stack or an uncertainty is a layer of its own; leave out pyramid=True"
        )
