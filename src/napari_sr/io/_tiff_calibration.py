"""Pixel size, units, origin and channels as TIFF's dialects write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from napari_sr.imaging import Channel
from napari_sr.io._record import from_text, record_of
from napari_sr.io._units import METRES, PIXEL, ratio, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

CREATOR = "napari-sr"
"""Who wrote an OME-TIFF: stage positions are world positions only in files of our own."""


class AxisScale(NamedTuple):
    """Calibration of one axis."""

    scale: float
    unit: str = PIXEL
    origin: float = 0.0
    """World position of the first pixel's centre."""


def calibration(tif: Any, index: int) -> dict[str, AxisScale]:
    """Calibration of a series, by axis letter.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.

    Returns
    -------
    dict
        Only axes of which something is known.
    """
    page = tif.series[index].keyframe
    if tif.is_ome:
        return _ome(_ome_image(tif, index), _ome_root(tif).get("Creator", ""))
    if tif.is_imagej:
        return _imagej(tif.imagej_metadata or {}, page)
    if tif.is_lsm:
        return _lsm(tif.lsm_metadata or {})
    return _tags(page, _shaped(tif, index))


def channels(tif: Any, index: int, count: int) -> tuple[Channel, ...]:
    """Names, colors and display ranges of a series' channels.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.
    count : int
        Number of channels.

    Returns
    -------
    tuple of Channel
        ``count`` of them, or none where the file says nothing.
    """
    found: tuple[Channel, ...] = ()
    if tif.is_ome:
        nodes = _ome_image(tif, index).findall("{*}Pixels/{*}Channel")
        found = tuple(Channel(n.get("Name"), _ome_color(n.get("Color"))) for n in nodes)
    elif tif.is_imagej:
        found = _imagej_channels(tif.imagej_metadata or {}, count)
    return found if len(found) == count else ()


def record(tif: Any, index: int) -> dict[str, Any]:
    """How napari-sr made a series, if it did.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.

    Returns
    -------
    dict
        Empty where the file says nothing.
    """
    if tif.is_ome:
        return from_text(_ome_image(tif, index).findtext("{*}Description"))
    if tif.is_imagej:
        return from_text((tif.imagej_metadata or {}).get("Info"))
    return record_of(_shaped(tif, index))


def _shaped(tif: Any, index: int) -> Mapping[str, Any]:
    found = tif.shaped_metadata or ()
    return found[index] if index < len(found) else {}


def _ome_root(tif: Any) -> ElementTree.Element:
    return ElementTree.fromstring(tif.ome_metadata)


def _ome_image(tif: Any, index: int) -> ElementTree.Element:
    images = _ome_root(tif).findall("{*}Image")
    return images[min(index, len(images) - 1)] if images else ElementTree.Element("Image")


def _ome(image: ElementTree.Element, creator: str) -> dict[str, AxisScale]:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return {}
    plane = pixels.find("{*}Plane")
    found = {}
    for axis in "XYZT":
        key, default = (f"PhysicalSize{axis}", "µm") if axis != "T" else ("TimeIncrement", "s")
        size = _positive(pixels.get(key))
        if size is None:
            continue
        unit = unit_name(pixels.get(f"{key}Unit", default))
        origin = 0.0
        if creator.startswith(CREATOR) and plane is not None and axis != "T":
            origin = float(plane.get(f"Position{axis}", 0.0))
        found[axis] = AxisScale(size, unit, origin)
    return found


def _ome_color(text: str | None) -> str | None:
    """Color from OME's signed 32-bit RGBA number."""
    try:
        return f"#{(int(text or '') & 0xFFFFFFFF) >> 8:06x}"
    except ValueError:
        return None


def _imagej(found: Mapping[str, Any], page: Any) -> dict[str, AxisScale]:
    unit = unit_name(str(found.get("unit", "")))
    sizes = {"X": _pixel_size(page, "XResolution"), "Y": _pixel_size(page, "YResolution")}
    sizes |= {"Z": _positive(found.get("spacing"))}
    axes = {}
    for axis, size in sizes.items():
        if size is not None:
            # ImageJ counts the origin in pixels from the corner of the image
            origin = -float(found.get(f"{axis.lower()}origin", 0.0)) * size
            axes[axis] = AxisScale(size, unit, _rounded(origin))
    if interval := _positive(found.get("finterval")):
        axes["T"] = AxisScale(interval, unit_name(str(found.get("tunit", "s"))))
    return axes


def _imagej_channels(found: Mapping[str, Any], count: int) -> tuple[Channel, ...]:
    luts, ranges = found.get("LUTs") or [], found.get("Ranges") or ()
    labels = found.get("Labels") or []
    if count == 1 and "min" in found and "max" in found:
        ranges = (found["min"], found["max"])
    # slices are labelled, not channels; ours repeat from channel to channel
    repeat = count > 0 and labels == labels[:count] * (len(labels) // count)
    names = labels[:count] if labels and repeat else [None] * count
    colors = ["#{:02x}{:02x}{:02x}".format(*lut[:, -1]) for lut in luts]
    colors = colors if len(colors) == count else []
    windows = list(zip(ranges[::2], ranges[1::2], strict=False))
    if not (colors or windows or any(names)):
        return ()
    return tuple(
        Channel(
            names[i],
            colors[i] if colors else None,
            (float(windows[i][0]), float(windows[i][1])) if len(windows) == count else None,
        )
        for i in range(count)
    )


def _lsm(found: Mapping[str, Any]) -> dict[str, AxisScale]:
    sizes = {axis: _positive(found.get(f"VoxelSize{axis}")) for axis in "XYZ"}
    axes = {a: AxisScale(s / METRES["micrometer"], "micrometer") for a, s in sizes.items() if s}
    if interval := _positive(found.get("TimeIntervall")):  # as Zeiss spells it
        axes["T"] = AxisScale(interval, "second")
    return axes


def _tags(page: Any, shaped: Mapping[str, Any]) -> dict[str, AxisScale]:
    """Baseline resolution tags, with what tifffile's own JSON adds to them."""
    if CREATOR in shaped:
        return {axis: AxisScale(*values) for axis, values in shaped[CREATOR].items()}
    unit = {2: "inch", 3: "centimeter"}.get(int(page.resolutionunit), PIXEL)
    if unit == PIXEL:
        unit = unit_name(str(shaped.get("unit", "")))
    axes = {}
    for axis, tag in (("X", "XResolution"), ("Y", "YResolution")):
        size = _pixel_size(page, tag)
        # a printer's or screen's dots per inch say nothing of the specimen; an instrument's do
        if size is not None and unit != PIXEL and not (unit == "inch" and size > 1 / 2400):
            small = unit in ("inch", "centimeter")
            to = "micrometer" if small else unit
            axes[axis] = AxisScale(_rounded(size * (ratio(unit, to) or 1.0)), to)
    if axes and (spacing := _positive(shaped.get("spacing"))):
        axes["Z"] = AxisScale(spacing, unit)
    return axes


def _pixel_size(page: Any, tag: str) -> float | None:
    """Units per pixel from a tag that holds pixels per unit as a fraction."""
    value = page.tags.valueof(tag)
    if not value or 0 in value:
        return None
    return _rounded(value[1] / value[0])


def _rounded(value: float) -> float:
    """Undo the rounding to 32-bit fractions: 0.107 comes back as 0.107."""
    return float(f"{value:.9g}")


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
