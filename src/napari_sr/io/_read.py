"""Read any image file, recognized by its content rather than its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import FileReadError
from napari_sr.io._formats import RASTER_SUFFIXES, TIFF_DIALECTS, TIFF_SUFFIXES, detect_format

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["READABLE_SUFFIXES", "is_ome_zarr", "read_image"]

READABLE_SUFFIXES = (*RASTER_SUFFIXES, *TIFF_SUFFIXES, *TIFF_DIALECTS, ".zarr", ".zarr.zip")
"""Suffixes of files (and, for ``.zarr``, folders) that `read_image` is meant for."""


def read_image(
    path: str | Path,
    *,
    series: int = 0,
    lazy: bool | None = None,
    max_bytes: int | None = None,
) -> SpatialImage:
    """Read an image file or an OME-Zarr folder.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG, JPEG 2000, WebP, AVIF, GIF, BMP, PNM, Radiance HDR, OpenEXR (where OpenCV has it), TIFF and its
        dialects (OME-TIFF, ImageJ, LSM, SVS, NDPI and others that tifffile knows), OME-Zarr or a plain Zarr array,
        zipped or not. The frames of an animation become an axis T.
    series : int
        Which image, where a TIFF or a bioformats2raw conversion holds several; ``metadata["series"]`` is their number.
    lazy : bool, optional
        Whether a TIFF is read by blocks, when they are needed; by default above 512 MiB. OME-Zarr always is.
    max_bytes : int, optional
        Most bytes that an image may take at once; by default half of the free memory.

    Returns
    -------
    SpatialImage
        Pixels as stored (dtype kept, colors as RGB(A)), axes, pixel size, position, units and channels.
        ``metadata["remarks"]`` has sentences about what was taken otherwise than it is stored.

    Raises
    ------
    FileReadError
        If the file is missing, truncated, damaged, too large, or not an image. The message is one line that names the
        file and, where possible, a way out.
    """
    path = Path(path)
    if path.is_dir() or _begins(path) == "ZIP":
        from napari_sr.io.zarr import read_ome_zarr

        return read_ome_zarr(path, series)
    if _begins(path) == "TIFF":
        from napari_sr.io.tiff import read_tiff

        return read_tiff(path, series, lazy, max_bytes)
    from napari_sr.io._raster import read_raster

    return read_raster(path, max_bytes)


def is_ome_zarr(path: str | Path) -> bool:
    """Whether a path is an OME-Zarr, or a group within one, such as an image of a plate.

    Parameters
    ----------
    path : str or Path
        Any.

    Returns
    -------
    bool
        By names and the presence of Zarr's own files; nothing is read.
    """
    path = Path(path)
    inside = any(part.lower().endswith(".zarr") for part in path.parts)
    return inside and any((path / name).is_file() for name in ("zarr.json", ".zgroup"))


def _begins(path: Path) -> str | None:
    """Format by the first bytes of a file."""
    try:
        with path.open("rb") as file:
            return detect_format(file.read(32))
    except OSError as error:
        raise FileReadError(f"{path}: {error.strerror or error}") from error
