"""Pixel size, units, position and channels, as TIFF's dialects store them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from napari_sr.imaging import Channel
from napari_sr.io._record import from_text, record_of
from napari_sr.io._units import PIXEL, ratio, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CREATOR", "AxisScale", "Facts", "read_facts"]

CREATOR = "napari-sr"
"""Names the program in the files that it writes. Positions in OME-TIFF are world positions in these files only: other
programs store where the stage of the microscope stood."""

PRINTERS_DPI = 2400
"""Dots per inch up to which a resolution is that of a printer, scanner or screen, and no size of a specimen."""


class AxisScale(NamedTuple):
    """Calibration of one axis."""

    scale: float
    unit: str = PIXEL
    origin: float = 0.0
    """World position of the center of the first pixel."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a TIFF says about one of its images."""

    dialect: str
    """``"OME-TIFF"``, ``"ImageJ TIFF"`` or ``"TIFF"``."""
    scales: Mapping[str, AxisScale] = field(default_factory=dict)
    """By the letter of the axis; only axes whose calibration is known."""
    channels: tuple[Channel, ...] = ()
    """One for each channel, or none."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """How napari-sr made the image, if it did."""


def read_facts(tif: Any, index: int, channels: int) -> Facts:
    """Read what a TIFF says about one of its images.

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
        From OME-XML, ImageJ's description, LSM's tags, or else the resolution tags and tifffile's own description.
    """
    page = tif.series[index].keyframe
    if tif.is_ome:
        facts = _ome_facts(tif, index)
    elif tif.is_imagej:
        found = tif.imagej_metadata or {}
        facts = Facts(
            "ImageJ TIFF",
            _imagej_scales(found, page),
            _imagej_channels(found, channels),
            from_text(found.get("Info")),
        )
    elif tif.is_lsm:
        facts = Facts("TIFF", _lsm_scales(tif.lsm_metadata or {}))
    else:
        described = tif.shaped_metadata or ()  # by tifffile, in JSON
        shaped = described[index] if index < len(described) else {}
        facts = Facts("TIFF", _tag_scales(page, shaped), record=record_of(shaped))
    if len(facts.channels) != channels:
        facts = Facts(facts.dialect, facts.scales, (), facts.record)
    return facts


def _ome_facts(tif: Any, index: int) -> Facts:
    root = ElementTree.fromstring(tif.ome_metadata)
    images = root.findall("{*}Image")
    image = images[min(index, len(images) - 1)] if images else ElementTree.Element("Image")
    nodes = image.findall("{*}Pixels/{*}Channel")
    return Facts(
        "OME-TIFF",
        _ome_scales(image, ours=root.get("Creator", "").startswith(CREATOR)),
        tuple(Channel(node.get("Name"), _ome_color(node.get("Color"))) for node in nodes),
        from_text(image.findtext("{*}Description")),
    )


def _ome_scales(image: ElementTree.Element, *, ours: bool) -> dict[str, AxisScale]:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return {}
    plane = pixels.find("{*}Plane")
    scales = {}
    for axis in "XYZT":
        key, default = (f"PhysicalSize{axis}", "µm") if axis != "T" else ("TimeIncrement", "s")
        size = _positive(pixels.get(key))
        if size is None:
            continue
        origin = 0.0
        if ours and plane is not None and axis != "T":
            origin = float(plane.get(f"Position{axis}", 0.0))
        scales[axis] = AxisScale(size, unit_name(pixels.get(f"{key}Unit", default)), origin)
    return scales


def _ome_color(text: str | None) -> str | None:
    """Color from OME's signed 32-bit RGBA number."""
    try:
        return f"#{(int(text or '') & 0xFFFFFFFF) >> 8:06x}"
    except ValueError:
        return None


def _imagej_scales(found: Mapping[str, Any], page: Any) -> dict[str, AxisScale]:
    unit = unit_name(str(found.get("unit", "")))
    sizes = {"X": _pixel_size(page, "XResolution"), "Y": _pixel_size(page, "YResolution")}
    sizes |= {"Z": _positive(found.get("spacing"))}
    scales = {}
    for axis, size in sizes.items():
        if size is not None:
            # ImageJ counts the origin in pixels from the corner of the image.
            origin = -float(found.get(f"{axis.lower()}origin", 0.0)) * size
            scales[axis] = AxisScale(size, unit, _rounded(origin))
    if interval := _positive(found.get("finterval")):
        scales["T"] = AxisScale(interval, unit_name(str(found.get("tunit", "s"))))
    return scales


def _imagej_channels(found: Mapping[str, Any], count: int) -> tuple[Channel, ...]:
    luts, ranges = found.get("LUTs") or [], found.get("Ranges") or ()
    labels = found.get("Labels") or []
    if count == 1 and "min" in found and "max" in found:
        ranges = (found["min"], found["max"])
    # ImageJ labels slices, not channels. Labels that repeat from one channel to the next name channels.
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


def _lsm_scales(found: Mapping[str, Any]) -> dict[str, AxisScale]:
    meters = {axis: _positive(found.get(f"VoxelSize{axis}")) for axis in "XYZ"}
    scales = {
        axis: AxisScale(_rounded(size * 1e6), "micrometer") for axis, size in meters.items() if size
    }
    if interval := _positive(found.get("TimeIntervall")):  # as Zeiss spells it
        scales["T"] = AxisScale(interval, "second")
    return scales


def _tag_scales(page: Any, shaped: Mapping[str, Any]) -> dict[str, AxisScale]:
    """Calibration from baseline resolution tags, and from the description that tifffile or we added to them."""
    if CREATOR in shaped:
        return {axis: AxisScale(*values) for axis, values in shaped[CREATOR].items()}
    unit = {2: "inch", 3: "centimeter"}.get(int(page.resolutionunit), PIXEL)
    if unit == PIXEL:
        unit = unit_name(str(shaped.get("unit", "")))
    scales = {}
    for axis, tag in (("X", "XResolution"), ("Y", "YResolution")):
        size = _pixel_size(page, tag)
        if size is None or unit == PIXEL or (unit == "inch" and size > 1 / PRINTERS_DPI):
            continue
        to = "micrometer" if unit in ("inch", "centimeter") else unit
        scales[axis] = AxisScale(_rounded(size * (ratio(unit, to) or 1.0)), to)
    if scales and (spacing := _positive(shaped.get("spacing"))):
        scales["Z"] = AxisScale(spacing, unit)
    return scales


def _pixel_size(page: Any, tag: str) -> float | None:
    """Units per pixel from a tag that stores pixels per unit as a fraction."""
    value = page.tags.valueof(tag)
    if not value or 0 in value:
        return None
    return _rounded(value[1] / value[0])


def _rounded(value: float) -> float:
    """Undo the rounding to fractions of 32-bit numbers: 0.107 comes back as 0.107."""
    return float(f"{value:.9g}")


def _positive(value: Any) -> float | None:
    """A number that can be a size; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
