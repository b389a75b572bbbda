"""Read OME-Zarr lazily: all levels as dask arrays, with axes, pixel size, position and channels."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from napari_sr._text import error_line, one_line
from napari_sr.errors import FileReadError, InputError
from napari_sr.imaging import SpatialImage, axes_from_labels, default_axes
from napari_sr.io._record import RECORD
from napari_sr.io._remarks import REMARKS
from napari_sr.io.zarr._metadata import OWN, read_axes, read_channels, read_transform

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_ome_zarr"]


NEWEST = (0, 5)
"""Newest version of OME-NGFF that is known here. Later ones place images by other rules."""


def read_ome_zarr(path: str | Path, series: int = 0) -> SpatialImage:
    """Open an OME-Zarr image (NGFF 0.1 to 0.5, Zarr 2 or 3).

    Parameters
    ----------
    path : str or Path
        Folder or zip file of an image, of a bioformats2raw conversion, which may hold several, or of a single array.
    series : int
        Which image, where there are several.

    Returns
    -------
    SpatialImage
        ``data`` is the finest level and ``levels`` the coarser ones, all lazy (dask). Axes in the file's order; color
        pictures that napari-sr wrote have their samples last again. ``metadata["series"]`` is the number of images.

    Raises
    ------
    FileReadError
        If it is not an OME-Zarr image, of a newer version, or a level or its metadata is missing or damaged. The
        message about a plate or a group of labels names an image in it.
    """
    path = Path(path)
    node = _open(path)
    try:
        return _read_node(path, node, series)
    except FileReadError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise FileReadError(f"{path}: damaged OME-Zarr metadata ({error_line(error)})") from error


def _read_node(path: Path, node: Any, series: int) -> SpatialImage:
    """The image of a group or an array."""
    if not hasattr(node, "group_keys"):
        _check_series(path, series, 1)
        return _read_array(path, node)
    attributes = _ngff_attributes(node)
    if "bioformats2raw.layout" in attributes and "multiscales" not in attributes:
        listed = _ngff_attributes(node["OME"]).get("series") if "OME" in node else None
        names = list(map(str, listed or sorted(filter(str.isdigit, node.group_keys()), key=int)))
        _check_series(path, series, len(names))
        image = _read_node(path / names[series], node[names[series]], 0)
        return replace(image, metadata={**image.metadata, "series": len(names)})
    multiscales = attributes.get("multiscales")
    if not multiscales:
        raise FileReadError(_why_no_image(path, node, attributes))
    _check_version(path, attributes.get("version") or multiscales[0].get("version"))
    _check_series(path, series, len(multiscales))
    try:
        image = _read_image(path, node, attributes, multiscales[series])
    except FileReadError as error:
        raise FileReadError(f"{path}: {error}") from error
    further: dict[str, Any] = {"series": len(multiscales)} if len(multiscales) > 1 else {}
    if labels := _labels(node):
        first = path / "labels" / labels[0]
        further[REMARKS] = (
            f"{path.name}: its labels ({', '.join(labels)}) are images of their own, such as {first}",
        )
    return replace(image, metadata={**image.metadata, **further})


def _check_series(path: Path, series: int, count: int) -> None:
    if series >= count:
        images = "image" if count == 1 else "images"
        raise FileReadError(f"{path} holds {count} {images}, there is no {series}")


def _check_version(path: Path, version: Any) -> None:
    numbers = tuple(map(int, re.findall(r"\d+", str(version or ""))[:2]))
    if numbers > NEWEST:
        known = ".".join(map(str, NEWEST))
        raise FileReadError(
            f"{path}: OME-NGFF {one_line(str(version), 20)} is newer than {known}, the newest that can be read"
        )


def _labels(group: Any) -> list[str]:
    """Names of the label images that belong to an image."""
    if "labels" not in group:
        return []
    node = group["labels"]
    listed = _ngff_attributes(node).get("labels") or list(getattr(node, "group_keys", list)())
    return [str(name) for name in listed]


def _open(path: Path) -> Any:
    """The group or array of a folder or zip file."""
    import zarr

    store: Any = path
    if path.is_file():
        try:
            store = zarr.storage.ZipStore(path, mode="r")
            return zarr.open(store, mode="r", path=_folder_within(path))
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise FileReadError(f"{path}: this file is not a zipped Zarr") from error
    if not path.is_dir():
        raise FileReadError(f"{path}: no such folder")
    try:
        return zarr.open(store, mode="r")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileReadError(
            f"{path}: this folder is not a Zarr group, so not an OME-Zarr image"
        ) from error


def _folder_within(path: Path) -> str:
    """Folder of a zip file that contains everything else; empty if the Zarr is at its root."""
    with ZipFile(path) as file:
        names = file.namelist()
    if {"zarr.json", ".zgroup", ".zarray"} & set(names):
        return ""
    return names[0].partition("/")[0] if names else ""


def _read_array(path: Path, array: Any) -> SpatialImage:
    """An array without metadata of an image, whose dimensions may have names."""
    attributes = dict(array.attrs)
    names = attributes.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None)
    try:
        if names and len(names) == array.ndim and all(names):
            axes = axes_from_labels(names)
        else:
            axes = default_axes(array.shape)
        return SpatialImage(
            _lazy(array), axes, name=path.name.partition(".")[0], metadata={"format": "Zarr"}
        )
    except InputError as error:
        raise FileReadError(f"{path}: {error}") from error


def _ngff_attributes(group: Any) -> Mapping[str, Any]:
    """OME's attributes, wherever the version of NGFF puts them."""
    attributes = dict(group.attrs)
    nested = attributes.get("ome")
    return nested if isinstance(nested, dict) else attributes


def _why_no_image(path: Path, group: Any, attributes: Mapping[str, Any]) -> str:
    plate, well = attributes.get("plate"), attributes.get("well")
    if isinstance(plate, dict) and plate.get("wells"):
        first = path / _first_of_plate(group, plate)
        return f"{path}: a plate of wells; open one image of it, such as {first}"
    if isinstance(well, dict) and well.get("images"):
        return f"{path}: a well of images; open one, such as {path / _first_of_well(well)}"
    if isinstance(attributes.get("labels"), list) and attributes["labels"]:
        return f"{path}: a group of labels; open one, such as {path / str(attributes['labels'][0])}"
    arrays = sorted(group.array_keys())
    hint = f"; open one of its arrays, such as {path / arrays[0]}" if arrays else ""
    return f"{path}: a Zarr group, but without OME-Zarr image metadata (multiscales){hint}"


def _first_of_plate(group: Any, plate: Mapping[str, Any]) -> str:
    """An image of a plate that is there, since a plate may list wells that were not imaged."""
    wells = [well for well in plate["wells"] if isinstance(well, dict)]
    names = [str(well.get("path")) for well in wells] or ["A/1"]
    name = next((name for name in names if name in group), names[0])
    well = _ngff_attributes(group[name]).get("well") if name in group else None
    return f"{name}/{_first_of_well(well or {})}"


def _first_of_well(well: Mapping[str, Any]) -> str:
    images = [each for each in well.get("images") or () if isinstance(each, dict)]
    return str(images[0].get("path", "0")) if images else "0"


def _read_image(
    path: Path, group: Any, attributes: Mapping[str, Any], multiscale: Mapping[str, Any]
) -> SpatialImage:
    levels = [_lazy(group[entry["path"]]) for entry in multiscale["datasets"]]
    ndim = levels[0].ndim
    axes, units = read_axes(multiscale, ndim)
    scale, translation = read_transform(multiscale, 0, ndim)
    channels = read_channels(attributes)
    own = dict(group.attrs).get(OWN) or {}
    order = list(range(ndim))
    if own.get("samples") and "C" in axes:
        order = [i for i in order if axes[i] != "C"] + [axes.index("C")]
        axes = axes.replace("C", "") + "S"
        levels = [np.moveaxis(level, order, range(ndim)) for level in levels]
        levels = [level.rechunk({ndim - 1: -1}) for level in levels]
    count = levels[0].shape[axes.index("C")] if "C" in axes else 1
    return SpatialImage(
        levels[0],
        axes,
        scale=tuple(scale[i] for i in order),
        translation=tuple(translation[i] for i in order),
        units=tuple(units[i] for i in order),
        channels=channels if len(channels) == count else (),
        levels=tuple(levels[1:]),
        name=str(multiscale.get("name") or "").strip("/") or path.name.partition(".")[0],
        metadata={"format": "OME-Zarr"} | ({RECORD: own["record"]} if own.get("record") else {}),
    )


def _lazy(array: Any) -> Any:
    import dask.array as da

    return da.from_array(array, chunks=getattr(array, "shards", None) or array.chunks)
