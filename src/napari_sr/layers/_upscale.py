"""A layer in, an upscaled layer out, at the same place in the world."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sr._steps import finish, show_progress
from napari_sr.errors import InputError
from napari_sr.layers._snapshot import plane_distance, snapshot, uncertainty_layer
from napari_sr.layers._visible import compute_visible

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path
    from typing import TypeAlias, Unpack

    from napari.layers import Image, Layer

    from napari_sr.inference import (
        AnyPlan,
        OptionKeywords,
        Progress,
        UpscaleOptions,
        UpscaleResult,
    )
    from napari_sr.layers._snapshot import LayerSnapshot
    from napari_sr.layers._visible import View
    from napari_sr.models import Model

    Layers: TypeAlias = Image | tuple[Image, Image]

__all__ = ["plan_snapshot", "upscale_layer", "upscale_layer_steps", "upscale_snapshot_steps"]

_log = logging.getLogger("napari_sr")


def upscale_layer(
    layer: Layer,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    lazy: bool | None = None,
    pyramid: bool = False,
    progress: bool | Callable[[int, int], object] | None = None,
    **options: Unpack[OptionKeywords],
) -> Layers:
    """Upscale an image layer.

    Parameters
    ----------
    layer : napari.layers.Image
        Any number of dimensions, RGB(A), multiscale (level 0 is taken), NumPy, dask or Zarr. It is not changed.
        ``axis_labels`` such as "channel", "t", "y" are understood; otherwise the last two dimensions are Y and X, and
        the others stack images.
    scale : float or (float, float)
        Output pixels per input pixel, along Y and X: any number >= 1.
    model : str, Path or Model
        Id in the catalog, path of a checkpoint, or a loaded model.
    lazy : bool, optional
        Whether the new layer is computed block by block, where it is shown; by default if this one is, and the
        options allow.
    pyramid : bool
        Whether the new layer is multiscale: the upscaled image, which is then lazy, above the levels of this layer.
    progress : bool or callable, optional
        True shows a bar in a terminal or notebook. A callable is called with tiles done and tiles in all.
    **options
        Further fields of `napari_sr.UpscaleOptions`, as `napari_sr.upscale` takes them. With ``isotropic=True``
        Z is enlarged, too, until voxels are cubes (Y and X by `scale`, which may be 1); the distance of planes follows
        from ``layer.scale`` and ``layer.units`` unless ``z_spacing`` gives it. With ``uncertainty=True`` a second layer
        shows the standard deviation over the self-ensemble.

    Returns
    -------
    napari.layers.Image or pair of napari.layers.Image
        At the same place in the world, with the same data type and looks, not yet added to a viewer. Its
        ``metadata["napari_sr"]`` records how it was made; that of a lazy layer is completed as blocks are computed.
        With ``uncertainty`` a pair; the second layer is hidden at first.

    Raises
    ------
    InputError
        If it is not an image layer or an option cannot be used.
    DeviceError, ModelNotFoundError, ModelLoadError, OutputTooLargeError
        As `napari_sr.upscale`.
    """
    steps = upscale_layer_steps(layer, scale, model, lazy=lazy, pyramid=pyramid, **options)
    made = finish(steps, show_progress(progress))
    first = made[0] if isinstance(made, tuple) else made
    for message in first.metadata["napari_sr"].get("remarks", ()):
        _log.warning(message)
    return made


def upscale_layer_steps(
    layer: Layer | None,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    lazy: bool | None = None,
    pyramid: bool = False,
    **options: Unpack[OptionKeywords],
) -> Generator[Progress, None, Layers]:
    """`upscale_layer` in steps, to be run in another thread.

    The layer is read at this call; afterwards it may be changed or deleted.

    Parameters
    ----------
    layer, scale, model, lazy, pyramid, **options
        As for `upscale_layer`.

    Returns
    -------
    generator
        Yields the progress after each batch of tiles and returns the new layer. Closing it cancels the run.

    Raises
    ------
    InputError
        At once, if it is not an image layer or an option cannot be used.
    """
    from napari_sr.inference import UpscaleOptions

    chosen = UpscaleOptions(scale=scale, model=model, **options)
    return _plan_and_upscale(snapshot(layer), chosen, lazy=lazy, pyramid=pyramid)


def _plan_and_upscale(
    source: LayerSnapshot, options: UpscaleOptions, *, lazy: bool | None, pyramid: bool
) -> Generator[Progress, None, Layers]:
    whole = options.isotropic or options.uncertainty
    plan = plan_snapshot(source, options, lazy=True if pyramid and not whole else lazy)
    return (yield from upscale_snapshot_steps(source, plan, lazy=lazy, pyramid=pyramid))


def plan_snapshot(
    source: LayerSnapshot,
    options: UpscaleOptions,
    *,
    lazy: bool | None = None,
    measure: bool = True,
) -> AnyPlan:
    """Decide how a captured layer will be upscaled; nothing is computed.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    options : UpscaleOptions
        What is asked.
    lazy : bool, optional
        Whether the result will be computed block by block; by default if the layer is lazy and the options allow.
    measure : bool
        As for `napari_sr.plan`.

    Returns
    -------
    Plan or IsotropicPlan
        For `upscale_snapshot_steps`.

    Raises
    ------
    InputError
        If an option cannot be used with this layer.
    DeviceError, ModelNotFoundError, ModelLoadError
        As `napari_sr.plan`.
    """
    from napari_sr.inference import plan_image

    if options.isotropic:
        if options.z_spacing is None and plane_distance(source) is None:
            raise InputError(
                f"'{source.name}' does not say that its planes are further apart than its pixels; pass z_spacing, or "
                "set layer.scale to the sizes along Z, Y and X, and layer.axis_labels to their names"
            )
        source = source.with_z()
    return plan_image(source.image, options, lazy=lazy, measure=measure)


def upscale_snapshot_steps(
    source: LayerSnapshot,
    plan: AnyPlan,
    *,
    lazy: bool | None = None,
    pyramid: bool = False,
    view: View | None = None,
) -> Generator[Progress, None, Layers]:
    """Execute a plan on a captured layer.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    plan : Plan or IsotropicPlan
        Made for it by `plan_snapshot`.
    lazy, pyramid : bool
        As for `upscale_layer`.
    view : View, optional
        Part of a lazy result that is computed beforehand, because it will be shown first.

    Returns
    -------
    generator
        As for `upscale_layer_steps`.

    Raises
    ------
    InputError
        If a pyramid is wanted, but the layer is not multiscale, or nothing finer is made along Y and X alone.
    """
    from napari_sr.inference import upscale_image_steps

    if pyramid:
        _check_pyramid(source, plan)
    # The plan names the axes: that of Z may have none in the layer.
    image = replace(source.image, axes=plan.axes.letters)
    result = yield from upscale_image_steps(image, plan, blockwise=True if pyramid else lazy)
    enlarged: Any = result.image
    # napari shows a coarser level of a pyramid first.
    if enlarged.lazy and view is not None and not pyramid:
        enlarged = replace(enlarged, data=(yield from compute_visible(enlarged.data, view)))
    layer = source.layer(
        enlarged,
        {"Z": plan.z_scale, "Y": plan.scale[0], "X": plan.scale[1]},
        suffix=_suffix(plan),
        record=_live_record(result, source.name),
        pyramid=pyramid,
    )
    deviation: Any = result.deviation
    return layer if deviation is None else (layer, uncertainty_layer(layer, deviation.data))


def _live_record(result: UpscaleResult, source: str) -> dict[str, Any]:
    """The record of a run; that of a lazy result is completed in place as its blocks are computed."""
    record = result.report.record(source)

    def update() -> None:
        report = result.report
        record.update(report.record(source))
        if report.complete:
            record.pop("computed", None)

    if not result.report.complete:
        result.log.listen(update)
    return record


def _suffix(plan: AnyPlan) -> str:
    """Suffix of the new layer's name, such as ``"×2 ecbsr"`` or ``"×1.5×2 ecbsr"``."""
    if len(plan.parts) > 1:
        size = f"×{plan.scale[0]:g} " if plan.scale[0] > 1 else ""
        return f"{size}isotropic {plan.model_id}"
    factors = dict.fromkeys(f"×{factor:g}" for factor in plan.scale)
    return f"{''.join(factors)} {plan.model_id}"


def _check_pyramid(source: LayerSnapshot, plan: AnyPlan) -> None:
    if not source.multiscale:
        raise InputError(
            f"'{source.name}' is not multiscale, so the result cannot be its new finest level; "
            "leave out pyramid=True"
        )
    if max(plan.scale) <= 1:
        raise InputError("a new finest level needs a scale above 1")
    if len(plan.parts) > 1 or plan.uncertainty:
        raise InputError(
            "an isotropic stack or an uncertainty is a layer of its own; leave out pyramid=True"
        )
