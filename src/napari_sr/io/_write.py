"""Write any image; the suffix of the target decides how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import FileWriteError
from napari_sr.imaging import Channel, SpatialImage, default_axes
from napari_sr.io._formats import TIFF_SUFFIXES, WRITABLE_RASTERS
from napari_sr.io._record import RECORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sr.imaging import Array
    from napari_sr.io._record import Record

__all__ = ["WRITABLE_SUFFIXES", "write_image"]

WRITABLE_SUFFIXES = (*WRITABLE_RASTERS, *TIFF_SUFFIXES, ".zarr")
"""Suffixes that `write_image` knows."""


def write_image(
    path: str | Path,
    data: Array | SpatialImage,
    axes: str | None = None,
    *,
    scale: Sequence[float] = (),
    units: Sequence[str] = (),
    translation: Sequence[float] = (),
    channels: Sequence[Channel] = (),
    metadata: dict[str, Any] | None = None,
    record: Record | None = None,
    quality: int | None = None,
) -> Path:
    """Write an image; the target appears complete or not at all.

    Parameters
    ----------
    path : str or Path
        ``.png``, ``.jpg``, ``.webp``, ``.tif``, ``.ome.tif`` or ``.zarr``. An existing file is replaced once the new
        one is complete.
    data : array or SpatialImage
        Pixels; a SpatialImage brings its own axes, pixel size, position, units, channels and metadata, and the
        arguments of these names are then not used. A dask array is written to TIFF and OME-Zarr block by block.
    axes : str, optional
        One letter a dimension; by default those of `napari_sr.imaging.default_axes`.
    scale, translation : sequence of float, optional
        Pixel size and world position of the first pixel along each axis; kept in TIFF and OME-Zarr.
    units : sequence of str, optional
        Unit along each axis; kept in TIFF and OME-Zarr.
    channels : sequence of Channel, optional
        Names, colors and display ranges; kept in TIFF and OME-Zarr.
    metadata : dict, optional
        ``"icc_profile"``, ``"exif"`` and ``"xmp"`` (bytes, as `read_image` gives them) are kept in PNG, JPEG, WebP and,
        EXIF aside, in TIFF, where they fit the image.
    record : mapping or callable, optional
        How the image was made, as JSON can hold it; kept in TIFF and OME-Zarr. A function is called once, without
        arguments, when all pixels have been computed. By default the image's ``metadata["napari_sr"]``.
    quality : int, optional
        1 to 100, for JPEG (by default 95) and WebP (by default lossless).

    Returns
    -------
    Path
        The target.

    Raises
    ------
    FileWriteError
        If the format cannot hold the image (the message names one that can) or the target cannot be written. A file
        that was there before is then untouched.
    """
    path = Path(path)
    if not isinstance(data, SpatialImage):
        data = SpatialImage(
            data,
            axes or default_axes(data.shape),
            scale=tuple(scale),
            translation=tuple(translation),
            units=tuple(units),
            channels=tuple(channels),
            name=path.name.partition(".")[0],
            metadata=metadata or {},
        )
    if 0 in data.shape:
        raise FileWriteError(f"{path.name}: an image of shape {data.shape} has no pixels")
    if record is None:
        record = data.metadata.get(RECORD) or {}
    _write(path, data, record, quality)
    return path


def _write(path: Path, image: SpatialImage, record: Record, quality: int | None) -> None:
    suffix = path.suffix.lower()
    if suffix in WRITABLE_RASTERS:
        from napari_sr.io._raster import write_raster

        write_raster(path, WRITABLE_RASTERS[suffix], _picture(path, image), quality=quality)
    elif suffix in TIFF_SUFFIXES:
        from napari_sr.io.tiff import write_tiff

        write_tiff(path, image, record)
    elif suffix == ".zarr":
        from napari_sr.io.zarr import write_ome_zarr

        write_ome_zarr(path, image, metadata=record)
    else:
        known = ", ".join(WRITABLE_SUFFIXES)
        raise FileWriteError(f"{path.name}: cannot write {suffix or 'no suffix'}; use {known}")


def _picture(path: Path, image: SpatialImage) -> SpatialImage:
    """The single plane of an image, with axes YX or YXS."""
    kept = "YXS" if image.rgb else "YX"
    sizes = dict(zip(image.axes, image.shape, strict=True))
    long = [axis for axis in image.axes if axis not in kept and sizes[axis] > 1]
    if long:
        raise FileWriteError(
            f"{path.name}: {path.suffix} holds one picture, not a stack of axes {image.axes} "
            f"and shape {image.shape}; save as .tif or .ome.zarr"
        )
    order = [image.axes.index(axis) for axis in kept]
    rest = [i for i in range(len(image.axes)) if i not in order]
    data = np.asarray(image.data).transpose(rest + order)
    return SpatialImage(
        data.reshape([sizes[axis] for axis in kept]),
        kept,
        scale=tuple(image.scale[i] for i in order),
        units=tuple(image.units[i] for i in order),
        metadata=image.metadata,
    )
