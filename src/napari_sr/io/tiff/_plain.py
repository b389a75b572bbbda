"""Plain TIFF: resolution tags, tags of instruments, and a description in JSON."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from napari_sr.io._print_size import PRINT_SIZE, dots_per_inch, is_print, print_size
from napari_sr.io._record import RECORD, record_of
from napari_sr.io._units import PIXEL, ratio, unit_name
from napari_sr.io.tiff._facts import CREATOR, AxisScale, Facts, own_scales, positive, rounded
from napari_sr.io.tiff._instruments import instrument_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.imaging import SpatialImage

__all__ = [
    "fraction_of",
    "pixel_size",
    "plain_options",
    "print_metadata",
    "read_plain",
    "resolution_tags",
]

RESOLUTION_UNITS = {2: "inch", 3: "centimeter"}
"""TIFF's numbers of units of resolution that are lengths."""

LARGEST_INTEGER = 2**32 - 1
"""Largest numerator and denominator of a TIFF fraction."""


def read_plain(tif: Any, index: int) -> Facts:
    """Read what a plain TIFF says about one of its images.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.

    Returns
    -------
    Facts
        Scales are our own, those of an instrument, or else those of the resolution tags.
    """
    described = tif.shaped_metadata or ()  # by tifffile, in JSON
    shaped = described[index] if index < len(described) else {}
    page = tif.series[index].keyframe
    scales = own_scales(shaped) or _instrument_scales(tif, index) or _tag_scales(page, shaped)
    return Facts("TIFF", scales, (), record_of(shaped), print_metadata(page))


def plain_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments with which tifffile stores what is known of an image in a plain TIFF.

    Parameters
    ----------
    image : SpatialImage
        Its scale, units and translation are kept.
    axes, shape : str, tuple of int
        Axes and shape in the order in which they are written.
    record : mapping
        How the image was made, as JSON can hold it.

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``.
    """
    known = {a: [image.size_along(a), image.unit_along(a), image.position_along(a)] for a in axes}
    metadata = {"axes": axes, CREATOR: known, RECORD: dict(record)}
    return {"metadata": metadata} | resolution_tags(image)


def resolution_tags(image: SpatialImage) -> dict[str, Any]:
    """Baseline resolution tags, for programs that know no dialect.

    Parameters
    ----------
    image : SpatialImage
        With sizes of pixels, or else with the size of a print.

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``; empty where neither is known, or beyond what the tags hold.
    """
    factors = [ratio(image.unit_along(axis), "centimeter") for axis in "XY"]
    unit = "CENTIMETER"
    sizes = [
        image.size_along(axis) * factor
        for axis, factor in zip("XY", factors, strict=True)
        if factor is not None
    ]
    if len(sizes) < 2 and (dots := dots_per_inch(image)) is not None:
        sizes, unit = [1 / dots[1], 1 / dots[0]], "INCH"
    fractions = [fraction_of(size) for size in sizes]
    if len(fractions) < 2 or None in fractions:
        return {}
    return {"resolution": tuple(fractions), "resolutionunit": unit}


def fraction_of(size: float) -> tuple[int, int] | None:
    """Pixels per unit as a fraction of 32-bit numbers.

    Parameters
    ----------
    size : float
        Units per pixel, positive.

    Returns
    -------
    (int, int) or None
        Numerator and denominator; None where that would be wrong by more than a millionth.
    """
    if size >= 1:
        fraction = Fraction(1 / size).limit_denominator(LARGEST_INTEGER)
        pair = fraction.numerator, fraction.denominator
    else:
        fraction = Fraction(size).limit_denominator(LARGEST_INTEGER)
        pair = fraction.denominator, fraction.numerator
    if 0 in pair or abs(size * pair[0] / pair[1] - 1) > 1e-6:
        return None
    return pair


def pixel_size(page: Any, tag: str) -> float | None:
    """Units per pixel from a tag that stores pixels per unit as a fraction.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    tag : {"XResolution", "YResolution"}
        Name of the tag.

    Returns
    -------
    float or None
        None where the tag is missing or not a positive number.
    """
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
        return None
    return rounded(value[1] / value[0])


def _instrument_scales(tif: Any, index: int) -> dict[str, AxisScale]:
    scales = {}
    for axis, (value, unit) in instrument_sizes(tif, index).items():
        size = positive(value)
        if size is not None and unit == "meter":
            size, unit = size * 1e6, "micrometer"
        if size is not None:
            scales[axis] = AxisScale(rounded(size), unit)
    return scales


def print_metadata(page: Any) -> dict[str, Any]:
    """Size of the print that baseline resolution tags give.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    dict
        Entry for the metadata of the image; empty where the tags measure the specimen, or nothing.
    """
    unit = RESOLUTION_UNITS.get(int(page.resolutionunit))
    x, y = _sizes(page)
    if unit is None or x is None or y is None:
        return {}
    dots = [1 / (size * (ratio(unit, "inch") or 0.0)) for size in (y, x)]
    if not all(is_print(each, in_inches=unit == "inch") for each in dots):
        return {}
    return {PRINT_SIZE: print_size((page.imagelength, page.imagewidth), (dots[0], dots[1]))}


def _sizes(page: Any) -> tuple[float | None, float | None]:
    """Units per pixel along X and Y; one size stands for both."""
    x, y = pixel_size(page, "XResolution"), pixel_size(page, "YResolution")
    return x or y, y or x


def _tag_scales(page: Any, shaped: Mapping[str, Any]) -> dict[str, AxisScale]:
    """Calibration from baseline resolution tags and tifffile's description."""
    unit = RESOLUTION_UNITS.get(int(page.resolutionunit)) or unit_name(str(shaped.get("unit", "")))
    x, y = _sizes(page)
    if unit == PIXEL or x is None or y is None or print_metadata(page):
        return {}
    to = "micrometer" if unit in ("inch", "centimeter") else unit
    factor = ratio(unit, to) or 1.0
    scales = {
        "X": AxisScale(rounded(x * factor), to),
        "Y": AxisScale(rounded(y * factor), to),
    }
    if spacing := positive(shaped.get("spacing")):
        scales["Z"] = AxisScale(rounded(spacing * factor), to)
    return scales
