"""OME-NGFF metadata: what an OME-Zarr image says of its axes, pixel size, position and channels, 0.1 to 0.5.

It is parsed here rather than by ome-zarr-models, with which the tests check what is written: those models know neither
versions 0.1 to 0.3 nor files with a few fields missing, and pin pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr._version import __version__
from napari_sr.errors import FileReadError
from napari_sr.imaging import PIXEL, Channel, distinct_axes, finer_grid
from napari_sr.io._units import unit_name
from napari_sr.io.zarr._layout import ORDER, ZarrLayout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["OWN", "image_attributes", "omero", "read_axes", "read_channels", "read_transform"]

OWN = "napari-sr"
"""Attribute with what we store beside OME's metadata."""

_TYPES = {"T": "time", "C": "channel"}
"""OME's types of axes that are not of space."""
_COLORS = ("00FFFF", "FF00FF", "FFFF00", "0000FF", "00FF00", "FF0000")
"""Colors of channels that have none: far apart from each other, the brightest ones first."""
_SAMPLES = (("Red", "FF0000"), ("Green", "00FF00"), ("Blue", "0000FF"), ("Alpha", "FFFFFF"))
"""Names and colors of the samples of a color picture, which are stored as channels."""


def image_attributes(layout: ZarrLayout, record: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an OME-Zarr image group.

    Parameters
    ----------
    layout : ZarrLayout
        What is written.
    record : mapping
        How the image was made, as JSON can hold it.

    Returns
    -------
    dict
        Ready to be stored: under ``"ome"`` for 0.5, at the top for 0.4.
    """
    multiscale: dict[str, Any] = {
        "name": layout.name,
        "axes": [_axis(axis, unit) for axis, unit in zip(layout.axes, layout.units, strict=True)],
        "datasets": [
            {"path": str(level), "coordinateTransformations": _transforms(layout, level)}
            for level in range(layout.levels)
        ],
        "type": "mean",
    }
    own = {"version": __version__, "samples": layout.samples, "record": dict(record)}
    if layout.version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [multiscale]}, OWN: own}
    return {"multiscales": [{"version": "0.4", **multiscale}], OWN: own}


def omero(
    layout: ZarrLayout, limits: Sequence[tuple[float, float]], full: tuple[float, float]
) -> dict[str, Any]:
    """Channel names, colors and display ranges.

    Parameters
    ----------
    layout : ZarrLayout
        The names, colors and windows of its channels are used where they have them.
    limits : sequence of (float, float)
        Smallest and largest intensity of each channel.
    full : (float, float)
        Range of the pixel type.

    Returns
    -------
    dict
        The ``omero`` block.
    """
    count = len(limits)
    given = layout.channels if len(layout.channels) == count else (Channel(),) * count
    channels = []
    for i, (channel, (low, high)) in enumerate(zip(given, limits, strict=True)):
        label, color = _SAMPLES[i] if layout.samples else (f"Channel {i}", _color(i, count))
        start, end = channel.window or (low, high)
        smallest, largest = min(full[0], start), max(full[1], end)
        channels.append(
            {
                "label": channel.name or label,
                "color": (channel.color or color).lstrip("#").upper(),
                "active": True,
                "coefficient": 1,
                "family": "linear",
                "inverted": False,
                "window": {"start": start, "end": end, "min": smallest, "max": largest},
            }
        )
    model = "color" if count > 1 else "greyscale"
    return {"channels": channels, "rdefs": {"defaultT": 0, "defaultZ": 0, "model": model}}


def read_axes(multiscale: Mapping[str, Any], ndim: int) -> tuple[str, tuple[str, ...]]:
    """Axes and units of an image.

    Parameters
    ----------
    multiscale : mapping
        One entry of ``multiscales``.
    ndim : int
        Dimensions of the data.

    Returns
    -------
    axes : str
        One letter each, distinct.
    units : tuple of str
        Full names; ``"pixel"`` where none is given.

    Raises
    ------
    FileReadError
        If the axes do not fit the data, or Y or X is missing.
    """
    listed = multiscale.get("axes") or [{"name": axis.lower()} for axis in ORDER[-ndim:]]
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in listed]
    axes = distinct_axes([_letter(entry) for entry in entries])
    if "Y" not in axes or "X" not in axes or len(axes) != ndim:
        raise FileReadError(f"axes {listed} do not name y, x and the others of {ndim} dimensions")
    return axes, tuple(unit_name(entry.get("unit")) for entry in entries)


def read_transform(
    multiscale: Mapping[str, Any], level: int, ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translation of one level; those of the whole image are applied last.

    Parameters
    ----------
    multiscale : mapping
        One entry of ``multiscales``.
    level : int
        Index into its ``datasets``.
    ndim : int
        Dimensions of the data.

    Returns
    -------
    scale, translation : tuple of float
        World = scale * index + translation.

    Raises
    ------
    FileReadError
        For transformations other than these, or stored in files of their own.
    """
    scale, translation = [1.0] * ndim, [0.0] * ndim
    steps = multiscale["datasets"][level].get("coordinateTransformations") or []
    for step in [*steps, *(multiscale.get("coordinateTransformations") or [])]:
        if step.get("type") not in ("identity", "scale", "translation") or "path" in step:
            raise FileReadError(f"cannot place images by the transformation {step.get('type')!r}")
        if step.get("type") == "scale":
            scale = [a * b for a, b in zip(scale, step["scale"], strict=True)]
            translation = [a * b for a, b in zip(translation, step["scale"], strict=True)]
        elif step.get("type") == "translation":
            translation = [a + b for a, b in zip(translation, step["translation"], strict=True)]
    return tuple(map(float, scale)), tuple(map(float, translation))


def read_channels(attributes: Mapping[str, Any]) -> tuple[Channel, ...]:
    """Channels from the ``omero`` block.

    Parameters
    ----------
    attributes : mapping
        NGFF attributes of the image group.

    Returns
    -------
    tuple of Channel
        Empty where there is no such block.
    """
    listed = (attributes.get("omero") or {}).get("channels") or ()
    return tuple(_channel(entry or {}) for entry in listed)


def _channel(entry: Mapping[str, Any]) -> Channel:
    window, color = entry.get("window") or {}, str(entry.get("color") or "").lstrip("#")
    start, end = window.get("start"), window.get("end")
    return Channel(
        entry.get("label"),
        f"#{color.lower()}" if len(color) == 6 else None,
        None if start is None or end is None else (float(start), float(end)),
    )


def _letter(axis: Mapping[str, Any]) -> str:
    """Letter of an axis by its type, or else the first of its name; empty where neither is a letter."""
    by_type = {"time": "T", "channel": "C"}.get(str(axis.get("type")))
    letter = by_type or str(axis["name"])[:1].upper()
    return letter if letter.isalpha() and letter != "S" else ""


def _axis(axis: str, unit: str) -> dict[str, str]:
    entry = {"name": axis.lower(), "type": _TYPES.get(axis, "space")}
    return entry if unit == PIXEL or axis == "C" else entry | {"unit": unit}


def _transforms(layout: ZarrLayout, level: int) -> list[dict[str, Any]]:
    """Scale and position of a level, each of whose pixels is the mean of a block of pixels of the finest one."""
    factors = [1 / factor for factor in layout.factors(level)]
    scale, translation = finer_grid(layout.scale, layout.translation, factors)
    return [
        {"type": "scale", "scale": list(scale)},
        {"type": "translation", "translation": list(translation)},
    ]


def _color(index: int, count: int) -> str:
    return "FFFFFF" if count == 1 else _COLORS[index % len(_COLORS)]
