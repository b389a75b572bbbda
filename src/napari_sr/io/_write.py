"""Write any image: the suffix says how, and nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import FileWriteError
from napari_sr.imaging import Channel, SpatialImage, default_axes
from napari_sr.io._formats import TIFF_SUFFIXES
from napari_sr.io._raster_write import WRITABLE_RASTERS, write_raster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sr.imaging import Array

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
    quality: int | None = None,
) -> Path:
    """Write an image; the target appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``.png``, ``.jpg``, ``.webp``, ``.tif``, ``.ome.tif`` or ``.zarr``; an existing file is
        replaced once the new one is complete.
    data : array or SpatialImage
        Pixels, with all that is known of them if it is an SpatialImage (then the other arguments up to
        ``metadata`` are not used). A dask array is written to TIFF and OME-Zarr block by block.
    axes : str, optional
        One letter a dimension; left out, as `napari_sr.imaging.default_axes` says.
    scale, translation : sequence of float, optional
        World size of a pixel and world position of the first one, along each axis.
    units : sequence of str, optional
        Unit along each axis; kept in TIFF and OME-Zarr, as scale and translation are.
    channels : sequence of Channel, optional
        Names, colors and display ranges.
    metadata : dict, optional
        ``"icc_profile"`` (bytes) is kept in PNG, JPEG and TIFF, ``"napari_sr"`` (the record of how
        the image was made) in TIFF and OME-Zarr.
    quality : int, optional
        1 to 100, for JPEG (95 unless given) and WebP (lossless unless given).

    Returns
    -------
    Path
        Where it stands.

    Raises
    ------
    FileWriteError
        If the format cannot hold the image (the message names one that can) or the target cannot
        be written; what stood there before is untouched.
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
    _write(path, data, quality)
    return path


def _write(path: Path, image: SpatialImage, quality: int | None) -> None:
    suffix = path.suffix.lower()
    if suffix in WRITABLE_RASTERS:
        coding = WRITABLE_RASTERS[suffix]
        profile = image.metadata.get("icc_profile")
        write_raster(path, coding, _picture(path, image), quality=quality, icc_profile=profile)
    elif suffix in TIFF_SUFFIXES:
        from napari_sr.io._tiff_write import write_tiff

        write_tiff(path, image)
    elif suffix == ".zarr":
        from napari_sr.io._zarr_save import write_ome_zarr

        write_ome_zarr(path, image)
    else:
        known = ", ".join(WRITABLE_SUFFIXES)
        raise FileWriteError(f"{path.name}: cannot write {suffix or 'no suffix'}; use {known}")


def _picture(path: Path, image: SpatialImage) -> Any:
    """The one plane of an image, as (Y, X) or (Y, X, samples)."""
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
    return data.reshape([sizes[axis] for axis in kept])
