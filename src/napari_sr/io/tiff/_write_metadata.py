"""Pixel size, units, position and channels in the words of ImageJ, of OME-TIFF and of plain TIFF."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sr._version import __version__
from napari_sr.io._record import RECORD, to_text
from napari_sr.io._units import PIXEL, ascii_symbol, ratio, unit_symbol
from napari_sr.io.tiff._read_metadata import CREATOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.imaging import SpatialImage

__all__ = ["Dialect", "tiff_options"]

Dialect = Literal["imagej", "ome", "plain"]

COMPOSITE_CHANNELS = 7
"""Channels that ImageJ can show over each other."""

LARGEST_INTEGER = 2**32 - 1
"""Largest numerator and denominator of a TIFF fraction."""


def tiff_options(
    dialect: Dialect,
    image: SpatialImage,
    axes: str,
    shape: tuple[int, ...],
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """Arguments with which tifffile stores what is known of an image.

    Parameters
    ----------
    dialect : {"imagej", "ome", "plain"}
        How it is stored.
    image : SpatialImage
        Its scale, units, translation, channels and ICC profile are kept. Scales must be positive.
    axes, shape : str, tuple of int
        Axes and shape in the order in which they are written.
    record : mapping
        How the image was made, as JSON can hold it.

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``.
    """
    options = _DIALECTS[dialect](image, axes, shape, record)
    if "icc_profile" in image.metadata:
        options["iccprofile"] = image.metadata["icc_profile"]
    if not axes.endswith("S"):
        return options | {"photometric": "minisblack"}
    options |= {"photometric": "rgb", "planarconfig": "contig"}
    return options | ({"extrasamples": ["unassalpha"]} if shape[-1] == 4 else {})


def _imagej_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    unit, sizes, origins = _lengths(image)
    metadata: dict[str, Any] = {"axes": axes, "unit": ascii_symbol(unit)}
    if "Z" in sizes:
        metadata["spacing"] = sizes["Z"]
    if "T" in axes and (seconds := ratio(image.unit_along("T"), "second")):
        metadata["finterval"] = image.size_along("T") * seconds
    for axis, origin in origins.items():
        if origin:
            metadata[f"{axis.lower()}origin"] = -origin / sizes[axis]
    if len(image.channels) == 1 and (window := image.channels[0].window):
        metadata |= {"min": window[0], "max": window[1]}
    if record:
        metadata["Info"] = to_text(record)  # shown by ImageJ's "Show Info"
    if "C" in axes:
        few = shape[axes.index("C")] <= COMPOSITE_CHANNELS
        metadata |= {"mode": "composite" if few else "grayscale"} | _imagej_channels(
            image, axes, shape
        )
    return {"metadata": metadata, "resolution": _resolution(sizes["X"], sizes["Y"])}


def _imagej_channels(image: SpatialImage, axes: str, shape: tuple[int, ...]) -> dict[str, Any]:
    colors = [channel.color for channel in image.channels]
    found: dict[str, Any] = {}
    if colors and all(colors):
        ramp = np.arange(256)[None]
        rgb = [np.array([[int(str(color)[i : i + 2], 16)] for i in (1, 3, 5)]) for color in colors]
        found["LUTs"] = [(ends * ramp // 255).astype(np.uint8) for ends in rgb]
    windows = [channel.window for channel in image.channels]
    if windows and all(windows):
        found["Ranges"] = tuple(limit for window in windows if window for limit in window)
    names = [channel.name for channel in image.channels]
    if names and all(names):  # one for each plane; of the stack axes, channels vary fastest
        found["Labels"] = names * (_planes(axes, shape) // len(names))
    return found


def _planes(axes: str, shape: tuple[int, ...]) -> int:
    return prod(n for axis, n in zip(axes, shape, strict=True) if axis in "TZC")


def _ome_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": axes, "Creator": f"{CREATOR} {__version__}"}
    metadata |= {"Name": image.name} if image.name else {}
    if record:
        metadata["Description"] = to_text(record)
    for axis in "XYZ":
        if axis in axes and _calibrated(image, axis):
            metadata[f"PhysicalSize{axis}"] = image.size_along(axis)
            metadata[f"PhysicalSize{axis}Unit"] = unit_symbol(image.unit_along(axis))
    if "T" in axes and image.unit_along("T") != PIXEL:
        metadata["TimeIncrement"] = image.size_along("T")
        metadata["TimeIncrementUnit"] = unit_symbol(image.unit_along("T"))
    count = shape[axes.index("C")] if "C" in axes else 1
    if len(image.channels) == count:
        metadata["Channel"] = _ome_channels(image)
    metadata |= _ome_positions(image, axes, shape)
    return {"metadata": metadata} | _per_centimeter(image)


def _calibrated(image: SpatialImage, axis: str) -> bool:
    """Whether more is known of an axis than that it has pixels."""
    known = [image.size_along(axis), image.position_along(axis), image.unit_along(axis)]
    return known != [1.0, 0.0, PIXEL]


def _ome_channels(image: SpatialImage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if all(channel.name for channel in image.channels):
        found["Name"] = [channel.name for channel in image.channels]
    if all(channel.color for channel in image.channels):
        rgba = [int(str(channel.color)[1:], 16) << 8 | 0xFF for channel in image.channels]
        found["Color"] = [n - 2**32 if n >= 2**31 else n for n in rgba]
    return found


def _ome_positions(image: SpatialImage, axes: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """World position of the first pixel, as the stage position of every plane."""
    planes = _planes(axes, shape)
    plane: dict[str, Any] = {}
    for axis in "XYZ":
        if axis in axes and image.position_along(axis):
            plane[f"Position{axis}"] = [image.position_along(axis)] * planes
            plane[f"Position{axis}Unit"] = [unit_symbol(image.unit_along(axis))] * planes
    return {"Plane": plane} if plane else {}


def _plain_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    known = {a: [image.size_along(a), image.unit_along(a), image.position_along(a)] for a in axes}
    metadata = {"axes": axes, CREATOR: known, RECORD: dict(record)}
    return {"metadata": metadata} | _per_centimeter(image)


def _lengths(image: SpatialImage) -> tuple[str, dict[str, float], dict[str, float]]:
    """Pixel sizes and origins along X, Y and Z in the unit of X, since ImageJ has one unit for all."""
    unit = image.unit_along("X")
    sizes, origins = {}, {}
    for axis in "XYZ":
        if axis in image.axes:
            factor = ratio(image.unit_along(axis), unit) or 1.0
            sizes[axis] = image.size_along(axis) * factor
            origins[axis] = image.position_along(axis) * factor
    return unit, sizes, origins


def _per_centimeter(image: SpatialImage) -> dict[str, Any]:
    """Baseline resolution tags, for programs that know no dialect."""
    unit, sizes, _ = _lengths(image)
    factor = ratio(unit, "centimeter")
    if factor is None:
        return {}
    resolution = _resolution(sizes["X"] * factor, sizes["Y"] * factor)
    return {"resolution": resolution, "resolutionunit": "CENTIMETER"}


def _resolution(x: float, y: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Pixels per unit along X and Y as fractions of 32-bit numbers."""
    return _pixels_per_unit(x), _pixels_per_unit(y)


def _pixels_per_unit(size: float) -> tuple[int, int]:
    if size >= 1:
        fraction = Fraction(1 / size).limit_denominator(LARGEST_INTEGER)
        return fraction.numerator, fraction.denominator
    fraction = Fraction(size).limit_denominator(LARGEST_INTEGER)
    return (fraction.denominator, fraction.numerator) if fraction else (LARGEST_INTEGER, 1)


_DIALECTS = {"imagej": _imagej_options, "ome": _ome_options, "plain": _plain_options}
