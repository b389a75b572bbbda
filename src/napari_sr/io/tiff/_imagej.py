"""ImageJ's TIFF: calibration, lookup tables, labels and display ranges, as Fiji reads and writes them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.imaging import Channel
from napari_sr.io._print_size import PRINT_SIZE, dots_per_inch, is_print, print_size
from napari_sr.io._record import facts_of, record_of, to_text
from napari_sr.io._units import LENGTHS, PIXEL, ascii_symbol, ratio, unit_name
from napari_sr.io.tiff._facts import CREATOR, AxisScale, Facts, own_scales, positive, rounded
from napari_sr.io.tiff._plain import fraction_of, pixel_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_sr.imaging import SpatialImage

__all__ = ["IMAGEJ", "imagej_options", "read_imagej"]

IMAGEJ = "imagej"
"""Key in an image's metadata of what ImageJ stores and has no other place: ``"description"`` (calibration of the
intensities), ``"info"``, ``"labels"`` (of slices), ``"properties"``."""

CALIBRATION_KEYS = ("cf", "c0", "c1", "c2", "c3", "c4", "vunit")
"""Lines of ImageJ's description that turn pixel values into measured ones, such as Hounsfield units, or signed 16 bits,
which are stored without sign. They hold for an upscaled image as well, whose pixel values are in the same unit."""

COMPOSITE_CHANNELS = 7
"""Channels that ImageJ can show over each other."""

RESOLUTION_UNITS = {"inch": "INCH", "cm": "CENTIMETER"}
"""Units, in ImageJ's words, for which TIFF has a resolution unit."""

USUAL_SIZES = (1e-6, 1e6)
"""Pixel sizes outside of this range are stored in another unit, since a resolution is a fraction of 32-bit numbers."""

PREFIXED = ("kilometer", "meter", "millimeter", "micrometer", "nanometer", "picometer")
"""Units to choose from."""


def read_imagej(tif: Any, index: int, channels: int) -> Facts:
    """Read what ImageJ's description and tags say about an image.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.
    channels : int
        Number of channels.

    Returns
    -------
    Facts
        With calibration, display ranges, and names and colors of channels.
    """
    found = tif.imagej_metadata or {}
    info = str(found.get("Info") or "")
    described = facts_of(info)
    if described:
        info = info.partition("\n")[2]
    page = tif.series[index].keyframe
    scales, further = _scales(found, page)
    names, labels = _names_and_labels(found, channels)
    kept = {
        "description": {key: found[key] for key in CALIBRATION_KEYS if key in found},
        "info": info,
        "labels": labels,
        "properties": found.get("Properties"),
    }
    if kept := {key: value for key, value in kept.items() if value}:
        further[IMAGEJ] = kept
    return Facts(
        "ImageJ TIFF",
        scales | own_scales(described),
        _channels(found, names, channels),
        record_of(described),
        further,
    )


def imagej_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments with which tifffile stores what is known of an image as ImageJ does.

    Parameters
    ----------
    image : SpatialImage
        Its scale, units, translation, channels, and what was read from another file of ImageJ are kept.
    axes, shape : str, tuple of int
        Axes and shape in the order in which they are written.
    record : mapping
        How the image was made, as JSON can hold it.

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``.
    """
    kept = image.metadata.get(IMAGEJ) or {}
    metadata, own = _calibration(image, axes)
    resolution = fraction_of(metadata.pop("x")), fraction_of(metadata.pop("y"))
    if None in resolution:
        own |= {axis: _own_scale(image, axis) for axis in "XY"}
    if np.dtype(image.dtype).kind == "u":
        metadata |= kept.get("description") or {}
    info = [to_text(record, {CREATOR: own} if own else None), kept.get("info") or ""]
    if any(info):
        metadata["Info"] = "\n".join(info) if info[1] else info[0]  # ImageJ's "Show Info"
    if properties := kept.get("properties"):
        metadata["Properties"] = dict(properties)
    metadata |= {"axes": axes} | _channel_options(image, axes, shape, kept.get("labels") or [])
    options: dict[str, Any] = {"metadata": metadata}
    if None not in resolution:
        options["resolution"] = resolution
        if (
            metadata["unit"] in RESOLUTION_UNITS
        ):  # as ImageJ does, for programs that know the tags only
            options["resolutionunit"] = RESOLUTION_UNITS[metadata["unit"]]
    return options


def _scales(found: Mapping[str, Any], page: Any) -> tuple[dict[str, AxisScale], dict[str, Any]]:
    """Calibration; or the size of the print, which ImageJ takes over from photographs as pixels in inches."""
    unit = unit_name(str(found.get("unit", "")))
    x, y = pixel_size(page, "XResolution"), pixel_size(page, "YResolution")
    x, y = x or y, y or x  # one size stands for both
    further: dict[str, Any] = {}
    sizes = {"X": x, "Y": y, "Z": positive(found.get("spacing"))}
    if unit == "inch" and x and y and is_print(1 / x, in_inches=False):
        further[PRINT_SIZE] = print_size((page.imagelength, page.imagewidth), (1 / y, 1 / x))
        sizes = {}
    scales = {}
    for axis, size in sizes.items():
        if size is not None:
            # ImageJ counts the origin in pixels from the corner of the image.
            origin = -float(found.get(f"{axis.lower()}origin", 0.0)) * size
            # A unit of its own, where an axis differs from X.
            own_unit = found.get(f"{axis.lower()}unit")
            name = unit if own_unit is None else unit_name(str(own_unit))
            scales[axis] = AxisScale(size, name, rounded(origin))
    if interval := positive(found.get("finterval")):
        scales["T"] = AxisScale(interval, unit_name(str(found.get("tunit", "s"))))
    return scales, further


def _listed(value: Any, depth: int = 0) -> list[Any]:
    """Values of an entry, which tifffile unpacks if there is a single one."""
    if value is None:
        return []
    single = isinstance(value, str) or (isinstance(value, np.ndarray) and value.ndim == depth)
    return [value] if single else list(value)


def _names_and_labels(found: Mapping[str, Any], count: int) -> tuple[list[str], list[str]]:
    """Names of channels, or else labels of slices: ImageJ has labels for slices only."""
    labels = _listed(found.get("Labels"))
    # Labels that repeat from one channel to the next name channels.
    repeat = count > 0 and labels == labels[:count] * (len(labels) // count)
    named = repeat and len(labels) >= count
    return (labels[:count], []) if named else ([], labels)


def _channels(found: Mapping[str, Any], names: list[str], count: int) -> tuple[Channel, ...]:
    luts, ranges = _listed(found.get("LUTs"), depth=2), found.get("Ranges") or ()
    if count == 1 and "min" in found and "max" in found:
        ranges = (found["min"], found["max"])
    colors = ["#{:02x}{:02x}{:02x}".format(*lut[:, -1]) if _ramp(lut) else None for lut in luts]
    windows = list(zip(ranges[::2], ranges[1::2], strict=False))
    known = [len(colors) == count, len(windows) == count, len(names) == count]
    if not any(known):
        return ()
    return tuple(
        Channel(
            names[i] if known[2] else None,
            colors[i] if known[0] else None,
            (float(windows[i][0]), float(windows[i][1])) if known[1] else None,
        )
        for i in range(count)
    )


def _ramp(lut: NDArray[Any]) -> bool:
    """Whether a lookup table runs straight from black to a color."""
    line = np.arange(256)[None] / 255 * lut[:, -1:]
    return bool(np.abs(lut - line).max() <= 2)


def _calibration(image: SpatialImage, axes: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lines of the description, with pixel sizes as "x" and "y"; and scales that ImageJ cannot express."""
    unit = image.unit_along("X")
    size = image.size_along("X")
    if unit in LENGTHS and not USUAL_SIZES[0] <= size <= USUAL_SIZES[1]:
        meters = size * (ratio(unit, "meter") or 1.0)
        unit = next((u for u in PREFIXED if meters >= (ratio(u, "meter") or 0)), PREFIXED[-1])
    lines: dict[str, Any] = {"unit": ascii_symbol(unit)}
    for axis in (each for each in "XYZ" if each in image.axes):
        own_unit = image.unit_along(axis)
        factor = ratio(own_unit, unit)
        if factor is None:  # no length, or not of a known size
            lines[f"{axis.lower()}unit"] = ascii_symbol(own_unit)
        pixel = image.size_along(axis) * (factor or 1.0)
        lines["spacing" if axis == "Z" else axis.lower()] = pixel
        if origin := image.position_along(axis):
            lines[f"{axis.lower()}origin"] = -origin / image.size_along(axis)
    own: dict[str, Any] = {}
    if unit == PIXEL and (dots := dots_per_inch(image)) is not None:
        own |= {axis: _own_scale(image, axis) for axis in "XY"}
        lines |= {"unit": "inch", "y": 1 / dots[0], "x": 1 / dots[1]}
    if "T" in axes:
        scale, unit, origin = _own_scale(image, "T")
        if seconds := ratio(unit, "second"):
            lines["finterval"] = scale * seconds
        if (seconds is None and (scale, unit) != (1.0, PIXEL)) or origin:
            own["T"] = [scale, unit, origin]
    return lines, own


def _own_scale(image: SpatialImage, axis: str) -> list[Any]:
    """Calibration of an axis as it is stored in a description of our own."""
    return [image.size_along(axis), image.unit_along(axis), image.position_along(axis)]


def _channel_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], labels: list[str]
) -> dict[str, Any]:
    """Lookup tables, display ranges, names of channels, or else labels of slices."""
    sizes = dict(zip(axes, shape, strict=True))
    count, planes = sizes.get("C", 1), prod(sizes.get(axis, 1) for axis in "TZC")
    channels = image.channels if len(image.channels) == count else (Channel(),) * count
    options: dict[str, Any] = {}
    if "C" in axes:
        options["mode"] = "composite" if count <= COMPOSITE_CHANNELS else "grayscale"
    colors = [channel.color for channel in channels]
    if all(colors) and colors != ["#ffffff"]:
        options["LUTs"] = [_lut(str(color)) for color in colors]
    windows = [channel.window for channel in channels]
    if all(windows):
        options["Ranges"] = tuple(limit for window in windows if window for limit in window)
        if count == 1 and windows[0]:
            options |= {"min": windows[0][0], "max": windows[0][1]}
    names = [channel.name for channel in channels]
    if (
        all(names) and "S" not in axes
    ):  # one for each plane; of the stack axes, channels vary fastest
        options["Labels"] = names * (planes // count)
    elif len(labels) == planes:
        options["Labels"] = labels
    return options


def _lut(color: str) -> NDArray[np.uint8]:
    """Lookup table that runs straight from black to a color, shape (3, 256)."""
    ends = np.array([[int(color[i : i + 2], 16)] for i in (1, 3, 5)])
    return (ends * np.arange(256)[None] // 255).astype(np.uint8)
