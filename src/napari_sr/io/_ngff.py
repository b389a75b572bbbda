"""OME-NGFF metadata: what an OME-Zarr says of axes, pixel size, position and channels, 0.1 to 0.5.

Level k of a pyramid is averaged from blocks of 2^k pixels, so its first pixel's centre lies half a
block minus half a pixel further in; each level says so in its own translation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr._version import __version__
from napari_sr.errors import FileReadError
from napari_sr.imaging import Channel
from napari_sr.io._units import PIXEL, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_sr.io._zarr_layout import ZarrLayout

ORDER = "TCZYX"
"""Order of axes that NGFF prescribes."""
_TYPES = {"T": "time", "C": "channel"}
_COLORS = ("00FFFF", "FF00FF", "FFFF00", "0000FF", "00FF00", "FF0000")
_RGB = (("Red", "FF0000"), ("Green", "00FF00"), ("Blue", "0000FF"), ("Alpha", "FFFFFF"))


def image_attributes(layout: ZarrLayout) -> dict[str, Any]:
    """Attributes of an OME-Zarr image group.

    Parameters
    ----------
    layout : ZarrLayout
        What is written.

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
    own = {"version": __version__, "samples": layout.samples, "record": layout.metadata}
    if layout.version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [multiscale]}, "napari-sr": own}
    return {"multiscales": [{"version": "0.4", **multiscale}], "napari-sr": own}


def omero(
    layout: ZarrLayout, limits: Sequence[tuple[float, float]], full: tuple[float, float]
) -> dict[str, Any]:
    """Channel names, colors and display ranges.

    Parameters
    ----------
    layout : ZarrLayout
        Whose channels' own names, colors and windows are used where they have them.
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
        label, color = _RGB[i] if layout.samples else (f"Channel {i}", _color(i, count))
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
        Full names; ``"pixel"`` where nothing is said.
    """
    listed = multiscale.get("axes") or [{"name": axis.lower()} for axis in ORDER[-ndim:]]
    axes, units = "", []
    for entry in listed:
        axis = entry if isinstance(entry, dict) else {"name": entry}
        wish = {"time": "T", "channel": "C"}.get(
            str(axis.get("type")), str(axis["name"])[:1].upper()
        )
        free = wish if wish.isalpha() and wish not in axes + "S" else _spare(axes)
        axes += free
        units.append(unit_name(axis.get("unit")))
    if "Y" not in axes or "X" not in axes or len(axes) != ndim:
        raise FileReadError(f"axes {listed} do not name y, x and the others of {ndim} dimensions")
    return axes, tuple(units)


def read_transform(
    multiscale: Mapping[str, Any], level: int, ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translation of one level, the whole image's own applied last.

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
    """
    scale, translation = [1.0] * ndim, [0.0] * ndim
    steps = multiscale["datasets"][level].get("coordinateTransformations") or []
    for step in [*steps, *(multiscale.get("coordinateTransformations") or [])]:
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
    return tuple(_channel(entry) for entry in (attributes.get("omero") or {}).get("channels", ()))


def _channel(entry: Mapping[str, Any]) -> Channel:
    window, color = entry.get("window") or {}, str(entry.get("color") or "").lstrip("#")
    return Channel(
        entry.get("label"),
        f"#{color.lower()}" if len(color) == 6 else None,
        (float(window["start"]), float(window["end"])) if {"start", "end"} <= set(window) else None,
    )


def _axis(axis: str, unit: str) -> dict[str, str]:
    entry = {"name": axis.lower(), "type": _TYPES.get(axis, "space")}
    return entry if unit == PIXEL or axis == "C" else entry | {"unit": unit}


def _transforms(layout: ZarrLayout, level: int) -> list[dict[str, Any]]:
    factors = layout.factors(level)
    pairs = list(zip(layout.scale, factors, strict=True))
    shift = [scale * (factor - 1) / 2 for scale, factor in pairs]
    return [
        {"type": "scale", "scale": [scale * factor for scale, factor in pairs]},
        {
            "type": "translation",
            "translation": [t + s for t, s in zip(layout.translation, shift, strict=True)],
        },
    ]


def _color(index: int, count: int) -> str:
    return "FFFFFF" if count == 1 else _COLORS[index % len(_COLORS)]


def _spare(axes: str) -> str:
    return next(letter for letter in "QIPRVUW" if letter not in axes)
