"""Pixel sizes that instruments store in tags of their own, as tifffile parses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.io._units import unit_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["instrument_sizes"]

Sizes = dict[str, tuple[Any, str]]
"""Pixel size, not checked yet, and unit by the letter of the axis."""


def instrument_sizes(tif: Any, index: int) -> Sizes:
    """Find the pixel size in the tags of an instrument.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    index : int
        Index of the series.

    Returns
    -------
    dict of str to (number, str)
        Size, as it is stored, and the unit's full name, by the letter of the axis; empty where no instrument that is
        known here stored one.
    """
    if tif.is_svs:
        return _aperio(tif.series[index].keyframe.description)
    for kind, parse in _PARSERS.items():
        metadata = getattr(tif, f"{kind}_metadata", None)
        if isinstance(metadata, dict) and (sizes := parse(metadata)):
            return sizes
    return {}


def _lsm(found: Mapping[str, Any]) -> Sizes:
    sizes: Sizes = {axis: (found.get(f"VoxelSize{axis}"), "meter") for axis in "XYZ"}
    return sizes | {"T": (found.get("TimeIntervall"), "second")}  # as Zeiss spells it


def _zeiss_sem(found: Mapping[str, Any]) -> Sizes:
    for key in ("ap_image_pixel_size", "ap_pixel_size"):
        if len(size := found.get(key, ())) == 3:
            return dict.fromkeys("XY", (size[1], unit_name(size[2])))
    return {}


def _fei(found: Mapping[str, Any]) -> Sizes:
    for section in ("Scan", "EScan"):
        scan = found.get(section) or {}
        if "PixelWidth" in scan:
            return {
                "X": (scan["PixelWidth"], "meter"),
                "Y": (scan.get("PixelHeight", scan["PixelWidth"]), "meter"),
            }
    return {}


def _olympus(found: Mapping[str, Any]) -> Sizes:
    if "pixelsizex" not in found:
        return {}
    return {axis: (found.get(f"pixelsize{axis.lower()}"), "meter") for axis in "XY"}


def _tvips(found: Mapping[str, Any]) -> Sizes:
    if "PixelSizeX" not in found:
        return {}
    return {axis: (found.get(f"PixelSize{axis}"), "nanometer") for axis in "XY"}


def _metamorph(found: Mapping[str, Any]) -> Sizes:
    if not found.get("SpatialCalibration"):
        return {}
    unit = unit_name(str(found.get("CalibrationUnits", "")))
    sizes: Sizes = {axis: (found.get(f"{axis}Calibration"), unit) for axis in "XY"}
    distances = found.get("ZDistance")
    if distances is not None and len(distances):
        sizes["Z"] = (distances[0], unit)
    return sizes


def _fluoview(found: Mapping[str, Any]) -> Sizes:
    sizes: Sizes = {}
    for name, _, _, resolution, unit in found.get("Dimensions") or ():
        if str(name).upper() in ("X", "Y", "Z", "T"):
            sizes[str(name).upper()] = (resolution, unit_name(str(unit)))
    return sizes


def _pilatus(found: Mapping[str, Any]) -> Sizes:
    size = found.get("Pixel_size")
    if not isinstance(size, tuple) or len(size) != 2:
        return {}
    return {"X": (size[0], "meter"), "Y": (size[1], "meter")}


def _micromanager(found: Mapping[str, Any]) -> Sizes:
    summary = found.get("Summary") or {}
    sizes: Sizes = dict.fromkeys("XY", (summary.get("PixelSize_um"), "micrometer"))
    return sizes | {"Z": (summary.get("z-step_um"), "micrometer")}


def _aperio(description: str) -> Sizes:
    import tifffile

    try:
        size = tifffile.tifffile.svs_description_metadata(description).get("MPP")
    except ValueError:  # thumbnail, label and overview have other descriptions
        return {}
    return dict.fromkeys("XY", (size, "micrometer"))


_PARSERS: dict[str, Callable[[Mapping[str, Any]], Sizes]] = {
    "lsm": _lsm,
    "sem": _zeiss_sem,
    "fei": _fei,
    "sis": _olympus,
    "tvips": _tvips,
    "stk": _metamorph,
    "fluoview": _fluoview,
    "pilatus": _pilatus,
    "micromanager": _micromanager,
}
"""By the name that tifffile gives each kind of metadata."""
