"""Between image files and napari's layer tuples: names, scale, units, channels, colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.imaging import Channel, SpatialImage, default_axes
from napari_sr.io._units import unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

LayerData = tuple[Any, dict[str, Any], str]

_LABELS = {"time": "T", "frame": "T", "depth": "Z", "channel": "C", "row": "Y", "column": "X"}


def to_layer_data(image: SpatialImage) -> LayerData:
    """Turn an image into a napari layer tuple.

    Parameters
    ----------
    image : SpatialImage
        As read.

    Returns
    -------
    tuple of (data, attributes, "image")
        Lazy where the image is; multiscale where the file has levels. Channels become layers of
        their own (``channel_axis``), with their names, colors and contrast limits.
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
        Of a multiscale layer the finest level is taken.
    attributes : mapping
        As ``Layer.as_layer_data_tuple`` gives them.

    Returns
    -------
    SpatialImage
        Scale, units and position are kept; a rotation, shear or general affine has no place in
        image files, and then the position is left out too.
    """
    finest = data[0] if attributes.get("multiscale") else data
    if not hasattr(finest, "transpose"):  # a zarr array, which is lazy but cannot be transposed
        import dask.array as da

        finest = da.from_array(finest)
    rgb = bool(attributes.get("rgb"))
    axes = _axes(finest.shape, attributes.get("axis_labels") or (), rgb)
    ndim = finest.ndim - rgb
    units = [unit_name(str(unit)) for unit in attributes.get("units") or ()]
    return SpatialImage(
        finest,
        axes,
        scale=_with_samples(attributes.get("scale"), 1.0, ndim, rgb),
        translation=_with_samples(_position(attributes, ndim), 0.0, ndim, rgb),
        units=_with_samples(units, "pixel", ndim, rgb),
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
    names = [c.name or f"channel {i}" for i, c in enumerate(channels)]
    found: dict[str, Any] = {"channel_axis": axis, "name": [f"{image.name}: {n}" for n in names]}
    if not image.rgb and all(c.color for c in channels):
        found["colormap"] = [_colormap(c) for c in channels]
    if not image.rgb and all(_limits(c) for c in channels):
        found["contrast_limits"] = [_limits(c) for c in channels]
    return found


def _colormap(channel: Channel) -> str | None:
    return "gray" if channel.color == "#ffffff" else channel.color


def _limits(channel: Channel) -> tuple[float, float] | None:
    window = channel.window
    return window if window and window[0] < window[1] else None


def _axes(shape: tuple[int, ...], labels: tuple[str, ...], rgb: bool) -> str:
    """Letters from a layer's labels; by position where they say nothing or not enough."""
    ndim = len(shape) - rgb
    words = [str(label).strip().lower() for label in labels]
    letters = [_LABELS.get(word.rstrip("s"), word.upper()) for word in words]
    known = all(letter in tuple("TZCYX") for letter in letters) and len(set(letters)) == ndim
    if not known or not {"Y", "X"} <= set(letters):
        letters = list(default_axes((1,) * ndim))
    return "".join(letters) + "S" * rgb


def _position(attributes: Mapping[str, Any], ndim: int) -> tuple[float, ...]:
    """World position of the first pixel, if the layer's axes are those of the world."""
    moved = np.asarray(attributes.get("translate", (0.0,) * ndim), float)
    affine = np.asarray(attributes.get("affine", np.eye(ndim + 1)), float)
    rotate = np.asarray(attributes.get("rotate", np.eye(ndim)), float)
    shear = np.asarray(attributes.get("shear", 0.0), float)
    straight = rotate.ndim == 2 and np.array_equal(rotate, np.eye(ndim)) and not shear.any()
    if not straight or not np.array_equal(affine[:-1, :-1], np.eye(ndim)):
        return (0.0,) * ndim
    return tuple((moved + affine[:-1, -1]).tolist())


def _with_samples(values: Any, default: Any, ndim: int, rgb: bool) -> tuple[Any, ...]:
    given = list(values) if values is not None and len(values) == ndim else [default] * ndim
    return tuple(v if isinstance(v, str) else float(v) for v in given) + (default,) * rgb


def _layer_channel(attributes: Mapping[str, Any]) -> Channel:
    limits = attributes.get("contrast_limits")
    return Channel(
        attributes.get("name"),
        _hex(attributes.get("colormap")),
        (float(limits[0]), float(limits[1])) if limits is not None else None,
    )


def _hex(colormap: Any) -> str | None:
    """Color at the upper end of a colormap that runs straight from black; else None."""
    colors = colormap.get("colors") if isinstance(colormap, dict) else None
    if colors is None or len(colors) != 2 or np.any(np.asarray(colors[0])[:3]):
        return None
    return "#{:02x}{:02x}{:02x}".format(*(round(255 * c) for c in np.asarray(colors[1])[:3]))
