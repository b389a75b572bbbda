"""A layer in, an upscaled layer out, at the same place in the world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_sr._progress import show_progress
from napari_sr._steps import finish
from napari_sr.errors import InputError
from napari_sr.layers._snapshot import plane_distance, snapshot, uncertainty_layer, with_z
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


def upscale_layer(
    layer: Layer,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    *,
    progress: bool | Callable[[int, int], object] | None = None,
    **options: Unpack[OptionKeywords],
) -> Layers:
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
    progress : bool or callable, optional
        True shows a bar in a terminal or notebook. A callable is called with (tiles done, tiles in all).
    **options
        Further fields of `napari_sr.inference.UpscaleOptions`, as `napari_sr.upscale` takes them. With
        ``isotropic=True`` Z is enlarged, too, until voxels are cubes (Y and X by `scale`, which may be 1); the
        distance of planes follows from ``layer.scale`` and ``layer.units`` unless ``z_spacing`` gives it. With
        ``uncertainty=True`` a second layer shows the standard deviation over the self-ensemble.

    Returns
    -------
    napari.layers.Image
        At the same place in the world, of the same data type and looks, not yet added to a viewer. What made it
        stands in ``metadata["napari_sr"]``. Dask and Zarr layers give a lazy dask layer, whose record is completed as
        its blocks are computed. With ``uncertainty``, a pair of layers; the second is not visible at first.

    Raises
    ------
    InputError
        If it is not an image layer or an option cannot be used.
    """
    steps = upscale_layer_steps(layer, scale, model, **options)
    return finish(steps, show_progress(progress))


def upscale_layer_steps(
    layer: Layer | None,
    scale: float | Sequence[float] = 2,
    model: str | Path | Model = "ecbsr",
    **options: Unpack[OptionKeywords],
) -> Generator[Progress, None, Layers]:
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
        At once, if it is not an image layer or an option cannot be used.
    """
    from napari_sr.inference import UpscaleOptions

    chosen = UpscaleOptions(scale=scale, model=model, **options)
    return upscale_snapshot_steps(snapshot(layer), chosen)


def plan_snapshot(
    source: LayerSnapshot, options: UpscaleOptions, *, lazy: bool = True, measure: bool = True
) -> AnyPlan:
    """Decide how a captured layer will be upscaled; nothing is computed.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    options : UpscaleOptions
        What is asked.
    lazy : bool
        Whether dask and Zarr layers give a dask layer.
    measure : bool
        As for `napari_sr.plan`.

    Returns
    -------
    Plan or IsotropicPlan
        To be given to `upscale_snapshot_steps`.

    Raises
    ------
    InputError
        If an option cannot be used with this layer.
    """
    from napari_sr.inference import plan_image

    if options.isotropic:
        source = with_z(source)
        if options.z_spacing is None and plane_distance(source) is None:
            raise InputError(
                f"'{source.name}' does not tell that its planes are further apart than its pixels; set layer.scale to "
                "the sizes along Z, Y and X, and layer.axis_labels to their names"
            )
    blockwise = lazy and source.lazy and not (options.isotropic or options.uncertainty)
    return plan_image(source.image, options, lazy=blockwise, measure=measure)


def upscale_snapshot_steps(
    source: LayerSnapshot,
    options: UpscaleOptions,
    *,
    plan: AnyPlan | None = None,
    lazy: bool = True,
    pyramid: bool = False,
    view: View | None = None,
) -> Generator[Progress, None, Layers]:
    """`upscale_layer_steps` of a layer captured before.

    Parameters
    ----------
    source : LayerSnapshot
        The layer.
    options : UpscaleOptions
        What is asked.
    plan : Plan or IsotropicPlan, optional
        Made by `plan_snapshot` with the same arguments: what was shown is what runs.
    lazy : bool
        Whether dask and Zarr layers give a dask layer, computed where it is looked at; otherwise all is computed
        now.
    pyramid : bool
        Whether the result is a multiscale layer, with the upscaled image as its finest level and the levels of the
        source below; lazy whatever the source's data are.
    view : View, optional
        Part of a dask layer that is computed beforehand, because it will be looked at first.

    Returns
    -------
    generator
        As that of `upscale_layer_steps`.

    Raises
    ------
    InputError
        If a pyramid is wanted of a layer that is not multiscale.
    """
    from napari_sr.inference import upscale_image_steps

    if pyramid:
        _check_pyramid(source, options)
    made = plan or plan_snapshot(source, options, lazy=lazy)
    if options.isotropic:
        source = with_z(source)
    whole = options.isotropic or options.uncertainty
    blockwise = lazy and (source.lazy or pyramid) and not whole
    result = yield from upscale_image_steps(source.image, made, blockwise=blockwise)
    image: Any = result.image
    # Of a pyramid napari shows a coarser level first.
    if blockwise and view is not None and not pyramid:
        image = replace(image, data=(yield from compute_visible(image.data, view)))
    record = _live_record(result, source.name)
    factors = {"Z": made.z_scale, "Y": made.scale[0], "X": made.scale[1]}
    layer = source.layer(image, factors, suffix=_suffix(made), record=record, pyramid=pyramid)
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
    """Of the new layer's name, such as ``"×2 ecbsr"`` or ``"×1.5×2 ecbsr"``."""
    if len(plan.parts) > 1:
        size = f"×{plan.scale[0]:g} " if plan.scale[0] > 1 else ""
        return f"{size}isotropic {plan.model_id}"
    factors = dict.fromkeys(f"×{factor:g}" for factor in plan.scale)
    return f"{''.join(factors)} {plan.model_id}"


def _check_pyramid(source: LayerSnapshot, options: UpscaleOptions) -> None:
    if not source.multiscale:
        raise InputError(
            f"'{source.name}' is not multiscale, so the result cannot be its new finest level; "
            "leave out pyramid=True"
        )
    if max(options.factors) <= 1:
        raise InputError("a new finest level needs a scale above 1")
    if options.isotropic or options.uncertainty:
        raise InputError(
            "an isotropic stack or an uncertainty is a layer of its own; leave out pyramid=True"
        )
