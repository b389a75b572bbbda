"""TIFF, OME-TIFF and ImageJ's TIFF, with axes and pixel size; large ones lazily."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import FileReadError
from napari_sr.imaging import SpatialImage
from napari_sr.io._exif import upright
from napari_sr.io._limits import LAZY_ABOVE, check_fits
from napari_sr.io._record import RECORD
from napari_sr.io._tiff_calibration import AxisScale, calibration, channels, record
from napari_sr.io._tiff_intact import check_imagej, check_pages, check_pixels
from napari_sr.io._tiff_lazy import TiffBlocks, lazy

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sr.imaging import Array

MINISWHITE, RGB, PALETTE, YCBCR = 0, 2, 3, 6
COLOR_SPACES = {5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab"}
"""TIFF's color models (PhotometricInterpretation) that would be shown wrong as they are."""


def read_tiff(
    path: Path, series: int = 0, lazy: bool | None = None, max_bytes: int | None = None
) -> SpatialImage:
    """Read one image of a TIFF file.

    Parameters
    ----------
    path : Path
        TIFF, BigTIFF, OME-TIFF, ImageJ, LSM, or another that tifffile knows.
    series : int
        Which image, where the file holds several.
    lazy : bool, optional
        Read by blocks when asked for; left out, from `LAZY_ABOVE` bytes on.
    max_bytes : int, optional
        Most bytes that may be read at once; left out, half of the free memory.

    Returns
    -------
    SpatialImage
        Axes as the file names them, color samples last. Samples that are no colors are channels.
        ``metadata["series"]`` is the number of images in the file.

    Raises
    ------
    FileReadError
        If the file is missing, truncated, damaged, too large at once, or not a TIFF.
    """
    import tifffile

    try:
        check_pages(path)
        with tifffile.TiffFile(path) as tif:
            return _read(path, tif, series, lazy, max_bytes)
    except FileReadError:
        raise
    except OSError as error:
        raise FileReadError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # tifffile meets damaged bytes with errors of many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FileReadError(f"{path.name}: damaged TIFF ({reason})") from error


def _read(
    path: Path, tif: Any, index: int, by_blocks: bool | None, limit: int | None
) -> SpatialImage:
    if index >= len(tif.series):
        raise FileReadError(f"{path.name} holds {len(tif.series)} images, there is no {index}")
    series = tif.series[index]
    page = series.keyframe
    if page.photometric in COLOR_SPACES:
        raise FileReadError(f"{path.name}: {COLOR_SPACES[page.photometric]} colors; save as RGB")
    if tif.is_imagej:
        check_imagej(path, tif)
    check_pixels(path, series)
    large = series.nbytes > LAZY_ABOVE
    levels = _levels(path, series, index, large if by_blocks is None else by_blocks, limit)
    levels = [_as_shown(level, page, bool(tif.is_imagej or tif.is_ome)) for level in levels]
    axes = _axes(series, levels[0].ndim, page)
    levels = [_samples_last(level, axes) for level in levels]
    axes = axes.replace("S", "") + "S" * ("S" in axes)
    known = calibration(tif, index)
    scales = [known.get(axis, AxisScale(1.0)) for axis in axes]
    count = levels[0].shape[axes.index("C")] if "C" in axes else 1
    further = {"icc_profile": page.iccprofile, RECORD: record(tif, index)}
    return SpatialImage(
        levels[0],
        axes,
        scale=tuple(s.scale for s in scales),
        translation=tuple(s.origin for s in scales),
        units=tuple(s.unit for s in scales),
        channels=channels(tif, index, count),
        levels=tuple(levels[1:]),
        name=path.name.partition(".ome.")[0] if ".ome." in path.name else path.stem,
        metadata={"format": _dialect(tif), "series": len(tif.series)}
        | {key: value for key, value in further.items() if value},
    )


def _levels(path: Path, series: Any, index: int, by_blocks: bool, limit: int | None) -> list[Array]:
    if not by_blocks:
        check_fits(path, series.shape, series.nbytes, limit)
        return [series.asarray()]
    blocks = [TiffBlocks(path, index, level) for level in range(len(series.levels))]
    # a page without strips or tiles is read as one block, however large
    block = blocks[0].chunks
    check_fits(path, block, prod(block) * blocks[0].dtype.itemsize, limit)
    return [lazy(level) for level in blocks]


def _as_shown(data: Array, page: Any, scientific: bool) -> Array:
    """Pixels as any viewer shows them; scientific files' values are left as measured."""
    if not scientific and page.photometric == PALETTE and page.colormap is not None:
        return _through_palette(data, page.colormap)
    if not scientific and page.photometric == MINISWHITE:
        return ~data if data.dtype == bool else _inverted(data)
    turn = int(page.tags.valueof("Orientation", 1) or 1)
    planar = data.ndim > 2 and page.photometric in (RGB, YCBCR) and data.shape[-1] not in (3, 4)
    simple = isinstance(data, np.ndarray) and data.ndim in (2, 3) and not planar
    if 1 < turn <= 8 and simple and (data.ndim == 2 or page.samplesperpixel > 1):
        return upright(data, turn)
    return data


def _inverted(data: Array) -> Array:
    if data.dtype.kind != "u":
        return data
    return np.iinfo(data.dtype).max - data


def _through_palette(data: Array, colormap: Any) -> Array:
    lut = np.asarray(colormap).T  # 16-bit colors, shape (n, 3)
    if not (lut % 257).any() or not (lut % 256).any():
        lut = (lut >> 8).astype(np.uint8)
    if isinstance(data, np.ndarray):
        return lut[data]
    return data.map_blocks(lambda block: lut[block], new_axis=data.ndim, chunks=(*data.chunks, 3))


def _axes(series: Any, ndim: int, page: Any) -> str:
    """Distinct letters for the dimensions, S only where the samples are colors."""
    axes = str(series.axes)
    if ndim == len(axes) + 1:
        axes += "S"  # made from a palette
    elif "S" in axes:
        samples = series.shape[axes.index("S")]
        if samples not in (3, 4) or page.photometric not in (RGB, YCBCR):
            axes = axes.replace("S", "C" if "C" not in axes else "Q")
    if ndim < 2:
        raise ValueError(f"axes {axes!r}, not an image")
    if "Y" not in axes or "X" not in axes:
        axes = axes[:-2] + "YX"
    return _distinct(axes)


def _distinct(axes: str) -> str:
    spare = (letter for letter in "QIPRVUWABDFG" if letter not in axes)
    seen: list[str] = []
    for letter in reversed(axes):
        seen.append(letter if letter not in seen else next(spare))
    return "".join(reversed(seen))


def _samples_last(data: Array, axes: str) -> Array:
    return np.moveaxis(data, axes.index("S"), -1) if "S" in axes else data


def _dialect(tif: Any) -> str:
    if tif.is_ome:
        return "OME-TIFF"
    return "ImageJ TIFF" if tif.is_imagej else "TIFF"
