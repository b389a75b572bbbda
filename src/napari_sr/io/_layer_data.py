"""Conversion between images and the layer tuples that napari's readers and writers exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_sr.imaging import (
    PIXEL,
    Channel,
    SpatialImage,
    axes_from_labels,
    default_axes,
    read_input,
)
from napari_sr.io._units import unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["LayerData", "from_layer_data", "to_layer_data"]

LayerData: TypeAlias = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer."""


def to_layer_data(image: SpatialImage) -> LayerData:
    """Turn an image into a napari layer tuple.

    Parameters
    ----------
    image : SpatialImage
        As read from a file.

    Returns
    -------
    tuple of (data, attributes, "image")
        Lazy where the image is; multiscale where the file has levels. Channels become layers of their own
        (``channel_axis``), with their names, colors and contrast limits.
    """
    levels = [image.data, *image.levels]
    kept = [i for i, axis in enumerate(image.axes) if axis not in "CS"]
    attributes: dict[str, Any] = {
        "name": image.name,
        "scale": tuple(image.scale[i] for i in kept),
        "translate": tuple(image.translation[i] for i in kept),
        "units": tuple(image.units[i] for i in kept),
        "axis_labels": tuple(image.axes[i].lower() for i in kept),
        "rgb": image.rgb,
        "multiscale": len(levels) > 1,
        "metadata": dict(image.metadata),
    }
    attributes |= _channel_attributes(image)
    return levels if len(levels) > 1 else image.data, attributes, "image"


def from_layer_data(data: Any, attributes: Mapping[str, Any]) -> SpatialImage:
    """Turn the data and attributes of a napari image layer into an image.

    Parameters
    ----------
    data : array or sequence of array
        The finest level of a multiscale layer is taken.
    attributes : mapping
        As ``Layer.as_layer_data_tuple`` gives them.

    Returns
    -------
    SpatialImage
        With scale, units and position; rotation, shear and a general affine make its ``linear`` part. The dimensions
        of an xarray name the axes that the layer does not.

    Raises
    ------
    InputError
        If the layer's data are of a kind that cannot be converted to an array.
    """
    given = read_input(data[0] if attributes.get("multiscale") else data)
    finest = given.array
    rgb = bool(attributes.get("rgb"))
    ndim = finest.ndim - rgb
    axes = _axes(tuple(attributes.get("axis_labels") or ()), given.axes, ndim, rgb)
    units = [unit_name(str(unit)) for unit in attributes.get("units") or ()]
    translation, linear = _placement(attributes, ndim)
    if linear is not None and rgb:
        linear = np.block([[linear, np.zeros((ndim, 1))], [np.zeros((1, ndim)), np.eye(1)]])
    return SpatialImage(
        finest,
        axes,
        scale=_with_samples(attributes.get("scale"), 1.0, ndim, rgb),
        translation=_with_samples(translation, 0.0, ndim, rgb),
        units=_with_samples(units, PIXEL, ndim, rgb),
        linear=linear,
        channels=() if rgb or "C" in axes else (_layer_channel(attributes),),
        name=str(attributes.get("name") or ""),
        metadata=dict(attributes.get("metadata") or {}),
    )


def _channel_attributes(image: SpatialImage) -> dict[str, Any]:
    if "C" not in image.axes:
        only = image.channels[0] if len(image.channels) == 1 and not image.rgb else Channel()
        single = {"colormap": _colormap(only), "contrast_limits": _limits(only)}
        return {key: value for key, value in single.items() if value is not None}
    axis = image.axes.index("C")
    count = image.shape[axis]
    channels = image.channels if len(image.channels) == count else (Channel(),) * count
    names = [channel.name or f"channel {i}" for i, channel in enumerate(channels)]
    found: dict[str, Any] = {
        "channel_axis": axis,
        "name": [f"{image.name}: {name}" for name in names],
    }
    if not image.rgb and all(channel.color for channel in channels):
        found["colormap"] = [_colormap(channel) for channel in channels]
    if not image.rgb and all(_limits(channel) for channel in channels):
        found["contrast_limits"] = [_limits(channel) for channel in channels]
    return found


def _colormap(channel: Channel) -> str | None:
    return "gray" if channel.color == "#ffffff" else channel.color


def _limits(channel: Channel) -> tuple[float, float] | None:
    window = channel.window
    return window if window and window[0] < window[1] else None


def _axes(labels: Sequence[str], known: str | None, ndim: int, rgb: bool) -> str:
    """Axis letters from a layer's labels, or by position where napari numbered the axes (``-3``, ``-2``, ``-1``)."""
    numbered = all(str(label).lstrip("-").isdigit() for label in labels)
    if len(labels) == ndim and not numbered:
        return axes_from_labels(labels, rgb=rgb)
    if known is not None and len(known) == ndim + rgb and known.endswith("S") == rgb:
        return known
    return default_axes((1,) * ndim) + "S" * rgb


def _placement(
    attributes: Mapping[str, Any], ndim: int
) -> tuple[tuple[float, ...], NDArray[np.float64] | None]:
    """World position of the first pixel, and rotation · shear unless the layer's axes are those of the world."""
    from napari.utils.transforms import Affine, CompositeAffine

    given = {key: attributes[key] for key in ("translate", "rotate", "shear") if key in attributes}
    own = CompositeAffine(ndim=ndim, **given)
    affine = Affine(affine_matrix=np.asarray(attributes.get("affine", np.eye(ndim + 1)), float))
    placed = affine.compose(own)
    linear = np.asarray(placed.linear_matrix, float)
    position = tuple(np.asarray(placed.translate, float).tolist())
    return position, None if np.allclose(linear, np.eye(ndim), rtol=0, atol=1e-12) else linear


def _with_samples(values: Any, default: Any, ndim: int, rgb: bool) -> tuple[Any, ...]:
    given = list(values) if values is not None and len(values) == ndim else [default] * ndim
    return tuple(v if isinstance(v, str) else float(v) for v in given) + (default,) * rgb


def _layer_channel(attributes: Mapping[str, Any]) -> Channel:
    limits = attributes.get("contrast_limits")
    return Channel(
        attributes.get("name"),
        _end_color(attributes.get("colormap")),
        (float(limits[0]), float(limits[1])) if limits is not None else None,
    )


def _end_color(colormap: Any) -> str | None:
    """Color at the upper end of a colormap that runs straight from black; else None."""
    colors = colormap.get("colors") if isinstance(colormap, dict) else None
    if colors is None or len(colors) != 2 or np.any(np.asarray(colors[0])[:3]):
        return None
    return "#{:02x}{:02x}{:02x}".format(*(round(255 * c) for c in np.asarray(colors[1])[:3]))
