"""Read OME-Zarr lazily: all levels as dask arrays, with axes, pixel size, position and channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._text import error_line
from napari_sr.errors import FileReadError
from napari_sr.imaging import SpatialImage
from napari_sr.io._record import RECORD
from napari_sr.io.zarr._metadata import OWN, read_axes, read_channels, read_transform

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_ome_zarr"]


def read_ome_zarr(path: str | Path, series: int = 0) -> SpatialImage:
    """Open an OME-Zarr image (NGFF 0.1 to 0.5, Zarr 2 or 3).

    Parameters
    ----------
    path : str or Path
        Folder of an image, or of a bioformats2raw conversion, which may hold several.
    series : int
        Which image of a conversion.

    Returns
    -------
    SpatialImage
        ``data`` is the finest level and ``levels`` the coarser ones, all lazy (dask). Axes in the file's order; color
        pictures that napari-sr wrote have their samples last again. ``metadata["series"]`` is the number of images.

    Raises
    ------
    FileReadError
        If it is not an OME-Zarr image, or a level or its metadata is missing or damaged. The message about a plate
        names an image in it.
    """
    path = Path(path)
    group = _open(path)
    attributes = _ngff_attributes(group)
    if "bioformats2raw.layout" in attributes and "multiscales" not in attributes:
        return _read_converted(path, _names_of_images(path, group), series)
    if series:
        raise FileReadError(f"{path} holds 1 image, there is no {series}")
    if not attributes.get("multiscales"):
        raise FileReadError(_why_no_image(path, group, attributes))
    try:
        return _read(path, group, attributes)
    except FileReadError as error:
        raise FileReadError(f"{path}: {error}") from error
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        raise FileReadError(f"{path}: damaged OME-Zarr metadata ({error_line(error)})") from error


def _names_of_images(path: Path, group: Any) -> list[str]:
    """Groups of the images of a bioformats2raw conversion: listed, or else numbered from 0."""
    try:
        listed = _ngff_attributes(group["OME"]).get("series") if "OME" in group else None
        return list(map(str, listed or sorted(filter(str.isdigit, group.group_keys()), key=int)))
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise FileReadError(f"{path}: damaged OME-Zarr metadata ({error_line(error)})") from error


def _read_converted(path: Path, names: list[str], series: int) -> SpatialImage:
    if series >= len(names):
        raise FileReadError(f"{path} holds {len(names)} images, there is no {series}")
    image = read_ome_zarr(path / names[series])
    return replace(image, metadata={**image.metadata, "series": len(names)})


def _open(path: Path) -> Any:
    import zarr

    if not path.is_dir():
        raise FileReadError(f"{path}: no such folder")
    try:
        return zarr.open_group(path, mode="r")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileReadError(
            f"{path}: this folder is not a Zarr group, so not an OME-Zarr image"
        ) from error


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
    return f"{path}: a Zarr group, but without OME-Zarr image metadata (multiscales)"


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


def _read(path: Path, group: Any, attributes: Mapping[str, Any]) -> SpatialImage:
    multiscale = attributes["multiscales"][0]
    levels = [_lazy_level(group, entry["path"]) for entry in multiscale["datasets"]]
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


def _lazy_level(group: Any, path: str) -> Any:
    import dask.array as da

    array = group[path]
    return da.from_array(array, chunks=getattr(array, "shards", None) or array.chunks)
