"""OME-TIFF: pixel size, units, position and channels in OME-XML."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_sr._version import __version__
from napari_sr.imaging import Channel
from napari_sr.io._record import facts_of, record_of, to_text
from napari_sr.io._units import LENGTHS, PIXEL, TIMES, unit_name, unit_symbol
from napari_sr.io.tiff._facts import CREATOR, AxisScale, Facts, own_scales, positive
from napari_sr.io.tiff._plain import print_metadata, resolution_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sr.imaging import SpatialImage

__all__ = ["ome_options", "read_ome"]


def read_ome(tif: Any, index: int) -> Facts:
    """Read what OME-XML says about an image.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.

    Returns
    -------
    Facts
        With calibration, and names and colors of channels.
    """
    root = ElementTree.fromstring(tif.ome_metadata)
    image = _image_element(tif, root, index)
    described = facts_of(image.findtext("{*}Description"))
    # Other programs store where the stage of the microscope stood, which is no place in the world of a viewer.
    ours = root.get("Creator", "").startswith(CREATOR)
    nodes = image.findall("{*}Pixels/{*}Channel")
    return Facts(
        "OME-TIFF",
        _scales(image, positions=ours) | own_scales(described),
        tuple(Channel(node.get("Name"), _color(node.get("Color"))) for node in nodes),
        record_of(described),
        print_metadata(tif.series[index].keyframe),
    )


def ome_options(
    image: SpatialImage, axes: str, shape: tuple[int, ...], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments with which tifffile stores what is known of an image in OME-XML.

    Parameters
    ----------
    image : SpatialImage
        Its scale, units, translation and channels are kept.
    axes, shape : str, tuple of int
        Axes and shape in the order in which they are written.
    record : mapping
        How the image was made, as JSON can hold it.

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``.
    """
    metadata: dict[str, Any] = {"axes": axes, "Creator": f"{CREATOR} {__version__}"}
    metadata |= {"Name": image.name} if image.name else {}
    own: dict[str, Any] = {}
    for axis in (each for each in "XYZT" if each in axes and _calibrated(image, each)):
        scale, unit = image.size_along(axis), image.unit_along(axis)
        key, units = f"PhysicalSize{axis}", {*LENGTHS, PIXEL}
        if axis == "T":
            key, units = "TimeIncrement", {*TIMES}
        if unit in units:
            metadata |= {key: scale, f"{key}Unit": unit_symbol(unit)}
        if unit not in units or (axis == "T" and image.position_along("T")):
            own[axis] = [scale, unit, image.position_along(axis)]  # OME-XML cannot express it
    if text := to_text(record, {CREATOR: own} if own else None):
        metadata["Description"] = text
    count = shape[axes.index("C")] if "C" in axes else 1
    if len(image.channels) == count:
        metadata["Channel"] = _channels(image)
    metadata |= _positions(image, axes, shape)
    return {"metadata": metadata} | resolution_tags(image)


def _image_element(tif: Any, root: ElementTree.Element, index: int) -> ElementTree.Element:
    """Element of the image whose pixels a series contains.

    Its place among its siblings may differ from that of the series: images without pixels, or with pixels in files
    that are missing, are not among the series.
    """
    images = root.findall("{*}Image")
    page = next((page for page in tif.series[index].pages if page is not None), None)
    for image in images:
        blocks = image.iterfind("{*}Pixels/{*}TiffData")
        if page is not None and any(_refers_to(block, page) for block in blocks):
            return image
    return images[min(index, len(images) - 1)] if images else ElementTree.Element("Image")


def _refers_to(block: ElementTree.Element, page: Any) -> bool:
    """Whether a ``TiffData`` element includes a page."""
    uuid = block.find("{*}UUID")
    name = uuid.get("FileName") if uuid is not None else None
    if name is not None and name.lower() != page.parent.filename.lower():
        return False
    first = int(block.get("IFD", 0))
    count = int(block.get("PlaneCount", block.get("NumPlanes", 1 if "IFD" in block.attrib else 0)))
    return first <= page.index and (count == 0 or page.index < first + count)


def _scales(image: ElementTree.Element, *, positions: bool) -> dict[str, AxisScale]:
    pixels = image.find("{*}Pixels")
    if pixels is None:
        return {}
    plane = pixels.find("{*}Plane")
    scales = {}
    for axis in "XYZT":
        key, default = (f"PhysicalSize{axis}", "µm") if axis != "T" else ("TimeIncrement", "s")
        size = positive(pixels.get(key))
        if size is None:
            continue
        origin = 0.0
        if positions and plane is not None and axis != "T":
            origin = float(plane.get(f"Position{axis}", 0.0))
        scales[axis] = AxisScale(size, unit_name(pixels.get(f"{key}Unit", default)), origin)
    if len(known := {"X", "Y"} & set(scales)) == 1:  # one size stands for both
        missing = "Y" if "X" in known else "X"
        scales[missing] = scales[known.pop()]._replace(origin=0.0)
    return scales


def _color(text: str | None) -> str | None:
    """Color from OME's signed 32-bit RGBA number."""
    try:
        return f"#{(int(text or '') & 0xFFFFFFFF) >> 8:06x}"
    except ValueError:
        return None


def _calibrated(image: SpatialImage, axis: str) -> bool:
    """Whether more is known of an axis than that it has pixels."""
    known = [image.size_along(axis), image.position_along(axis), image.unit_along(axis)]
    return known != [1.0, 0.0, PIXEL]


def _channels(image: SpatialImage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if all(channel.name for channel in image.channels):
        found["Name"] = [channel.name for channel in image.channels]
    if all(channel.color for channel in image.channels):
        rgba = [int(str(channel.color)[1:], 16) << 8 | 0xFF for channel in image.channels]
        found["Color"] = [n - 2**32 if n >= 2**31 else n for n in rgba]
    return found


def _positions(image: SpatialImage, axes: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """World position of the first pixel, as the stage position of every plane."""
    planes = prod(n for axis, n in zip(axes, shape, strict=True) if axis in "TZC")
    plane: dict[str, Any] = {}
    for axis in "XYZ":
        unit = image.unit_along(axis) if axis in axes else ""
        if unit in {*LENGTHS, PIXEL} and image.position_along(axis):
            plane[f"Position{axis}"] = [image.position_along(axis)] * planes
            plane[f"Position{axis}Unit"] = [unit_symbol(unit)] * planes
    return {"Plane": plane} if plane else {}
