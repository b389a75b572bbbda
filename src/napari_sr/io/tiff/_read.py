"""Read TIFF, OME-TIFF and ImageJ's TIFF with axes and pixel size; large ones lazily."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._text import error_line
from napari_sr.errors import FileReadError
from napari_sr.imaging import SpatialImage, distinct_axes
from napari_sr.io._limits import LAZY_ABOVE, check_fits
from napari_sr.io._orientation import ORIENTATION_TAG, UPRIGHT, upright
from napari_sr.io._record import RECORD
from napari_sr.io.tiff._lazy import TiffBlocks, lazy_array
from napari_sr.io.tiff._read_metadata import AxisScale, read_facts
from napari_sr.io.tiff._validate import check_imagej, check_pages, check_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sr.imaging import Array

__all__ = ["read_tiff"]

MINISWHITE, RGB, PALETTE, YCBCR = 0, 2, 3, 6
"""TIFF's numbers of color models (PhotometricInterpretation)."""
COLOR_SPACES = {5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab"}
"""Color models whose values would be shown in wrong colors, and are refused."""


def read_tiff(
    path: Path, series: int = 0, lazy: bool | None = None, max_bytes: int | None = None
) -> SpatialImage:
    """Read one image of a TIFF file.

    Parameters
    ----------
    path : Path
        TIFF, BigTIFF, OME-TIFF, ImageJ, LSM, or another dialect that tifffile knows.
    series : int
        Which image, where the file holds several.
    lazy : bool, optional
        Read by blocks, when they are needed; by default for images of more than `LAZY_ABOVE` bytes.
    max_bytes : int, optional
        Most bytes that may be read at once; by default half of the free memory.

    Returns
    -------
    SpatialImage
        Axes as the file names them, color samples last. Samples that are no colors are channels.
        ``metadata["series"]`` is the number of images in the file.

    Raises
    ------
    FileReadError
        If the file is missing, truncated, damaged, too large to be read at once, or not a TIFF.
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
        raise FileReadError(f"{path.name}: damaged TIFF ({error_line(error)})") from error


def _read(path: Path, tif: Any, index: int, lazy: bool | None, limit: int | None) -> SpatialImage:
    if index >= len(tif.series):
        raise FileReadError(f"{path.name} holds {len(tif.series)} images, there is no {index}")
    series = tif.series[index]
    page = series.keyframe
    if page.photometric in COLOR_SPACES:
        raise FileReadError(f"{path.name}: {COLOR_SPACES[page.photometric]} colors; save as RGB")
    if tif.is_imagej:
        check_imagej(path, tif)
    check_pixels(path, series)
    lazy = series.nbytes > LAZY_ABOVE if lazy is None else lazy
    levels = _levels(path, series, index, lazy, limit)
    levels = [_as_shown(level, page, bool(tif.is_imagej or tif.is_ome)) for level in levels]
    axes = _axes(series, levels[0].ndim, page)
    if "S" in axes:
        levels = [np.moveaxis(level, axes.index("S"), -1) for level in levels]
        axes = axes.replace("S", "") + "S"
    facts = read_facts(tif, index, levels[0].shape[axes.index("C")] if "C" in axes else 1)
    scales = [facts.scales.get(axis, AxisScale(1.0)) for axis in axes]
    further = {"icc_profile": page.iccprofile, RECORD: facts.record}
    return SpatialImage(
        levels[0],
        axes,
        scale=tuple(each.scale for each in scales),
        translation=tuple(each.origin for each in scales),
        units=tuple(each.unit for each in scales),
        channels=facts.channels,
        levels=tuple(levels[1:]),
        name=path.name.partition(".ome.")[0] if ".ome." in path.name else path.stem,
        metadata={"format": facts.dialect, "series": len(tif.series)}
        | {key: value for key, value in further.items() if value},
    )


def _levels(path: Path, series: Any, index: int, lazy: bool, limit: int | None) -> list[Array]:
    """Pixels of all resolution levels; of the finest one alone if they are read at once."""
    if not lazy:
        check_fits(path, series.shape, series.nbytes, limit)
        return [series.asarray()]
    blocks = [TiffBlocks(path, index, level) for level in range(len(series.levels))]
    # A page without strips or tiles is read as one block, however large.
    block = blocks[0].chunks
    check_fits(path, block, prod(block) * blocks[0].dtype.itemsize, limit)
    return [lazy_array(level) for level in blocks]


def _as_shown(data: Array, page: Any, scientific: bool) -> Array:
    """Pixels as viewers show them; the values of scientific files are left as they were measured."""
    if not scientific and page.photometric == PALETTE and page.colormap is not None:
        return _through_palette(data, page.colormap)
    if not scientific and page.photometric == MINISWHITE:
        return _inverted(data)
    turn = int(page.tags.valueof(ORIENTATION_TAG, UPRIGHT) or UPRIGHT)
    planar = data.ndim > 2 and page.photometric in (RGB, YCBCR) and data.shape[-1] not in (3, 4)
    simple = isinstance(data, np.ndarray) and data.ndim in (2, 3) and not planar
    if 1 < turn <= 8 and simple and (data.ndim == 2 or page.samplesperpixel > 1):
        return upright(data, turn)
    return data


def _inverted(data: Array) -> Array:
    if data.dtype == bool:
        return ~data
    return np.iinfo(data.dtype).max - data if data.dtype.kind == "u" else data


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
        axes += "S"  # colors of a palette
    elif "S" in axes:
        samples = series.shape[axes.index("S")]
        if samples not in (3, 4) or page.photometric not in (RGB, YCBCR):
            axes = axes.replace("S", "C" if "C" not in axes else "Q")
    if ndim < 2:
        raise ValueError(f"axes {axes!r}, not an image")
    if "Y" not in axes or "X" not in axes:
        axes = axes[:-2] + "YX"
    return distinct_axes(axes[::-1])[::-1]  # of two equal letters the last one is right
