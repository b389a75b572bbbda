"""Read TIFF, OME-TIFF and ImageJ's TIFF with axes and pixel size; large ones lazily."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._text import error_line
from napari_sr.errors import FileReadError
from napari_sr.imaging import SpatialImage, default_axes, distinct_axes
from napari_sr.io._limits import LAZY_ABOVE, check_fits
from napari_sr.io._orientation import ORIENTATION_TAG, UPRIGHT, swaps_axes, upright
from napari_sr.io._photo import EXIF, ICC_PROFILE, XMP, fitting_profile
from napari_sr.io._print_size import PRINT_SIZE
from napari_sr.io._record import RECORD
from napari_sr.io._remarks import REMARKS
from napari_sr.io.tiff._color import check_color_model, color_samples, to_shown_colors
from napari_sr.io.tiff._facts import CREATOR, AxisScale, Facts
from napari_sr.io.tiff._imagej import read_imagej
from napari_sr.io.tiff._lazy import TiffBlocks, lazy_array
from napari_sr.io.tiff._ome import read_ome
from napari_sr.io.tiff._photo_tags import XMP_TAG, camera_exif
from napari_sr.io.tiff._plain import read_plain
from napari_sr.io.tiff._validate import check_imagej, check_pages, check_pixels, planes_present

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sr.imaging import Array

__all__ = ["read_tiff"]


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
        Axes as the file names them, color samples last, turned upright. Samples that are no colors are channels; stack
        axes without a name become Z, or T and Z. ``metadata["series"]`` is the number of images in the file, and
        ``metadata["remarks"]`` says what was taken otherwise than it is stored.

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
    check_color_model(path, page)
    if tif.is_imagej:
        check_imagej(path, tif)
    check_pixels(path, series)
    remarks: list[str] = []
    levels = _levels(
        path, series, index, series.nbytes > LAZY_ABOVE if lazy is None else lazy, limit
    )
    present = planes_present(path, series)
    if present is not None:
        remarks.append(
            f"{path.name}: of {series.shape[0]} announced along {series.axes[0]} {present} are there"
        )
        levels = [level[:present] for level in levels]
    turn = _orientation(page)
    axes = _axes(series, page)
    levels = [
        _as_shown(level, axes, page, turn, scientific=bool(tif.is_imagej or tif.is_ome))
        for level in levels
    ]
    axes = axes.replace("S", "") + "S" * (levels[0].ndim > len(axes.replace("S", "")))
    named = axes if tif.is_imagej or tif.is_ome or _is_ours(tif, index) else _named(axes)
    if named != axes:
        remarks.append(
            f"{path.name}: its stack axes have no names; taken for {named} unless others are given"
        )
    facts = _facts(tif, index, levels[0].shape[named.index("C")] if "C" in named else 1)
    scales = dict(facts.scales)
    further = dict(facts.further)
    if swaps_axes(turn):
        scales = {{"X": "Y", "Y": "X"}.get(axis, axis): scale for axis, scale in scales.items()}
        if PRINT_SIZE in further:
            further[PRINT_SIZE] = further[PRINT_SIZE][::-1]
    known = [scales.get(axis, AxisScale(1.0)) for axis in named]
    profile = fitting_profile(page.iccprofile, gray="S" not in named)
    if page.iccprofile and profile is None:
        remarks.append(f"{path.name}: its color profile is for other colors and is left out")
    further |= {
        ICC_PROFILE: profile,
        XMP: page.tags.valueof(XMP_TAG),
        EXIF: None if tif.is_imagej or tif.is_ome else camera_exif(page),
        RECORD: facts.record,
        REMARKS: tuple(remarks),
    }
    return SpatialImage(
        levels[0],
        named,
        scale=tuple(each.scale for each in known),
        translation=tuple(each.origin for each in known),
        units=tuple(each.unit for each in known),
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


def _orientation(page: Any) -> int:
    turn = int(page.tags.valueof(ORIENTATION_TAG, UPRIGHT) or UPRIGHT)
    return turn if turn in range(1, 9) else UPRIGHT


def _as_shown(data: Array, axes: str, page: Any, turn: int, *, scientific: bool) -> Array:
    """Pixels in the colors and the orientation in which viewers show them, color samples last."""
    if "S" in axes:
        data = np.moveaxis(data, axes.index("S"), -1)
        axes = axes.replace("S", "") + "S"
    data = to_shown_colors(data, page, scientific=scientific)
    return upright(data, turn, axes.index("Y"), axes.index("X")) if turn != UPRIGHT else data


def _axes(series: Any, page: Any) -> str:
    """Distinct letters for the dimensions as stored, S only where the samples are colors."""
    axes = str(series.axes)
    if "S" in axes and not color_samples(page, series.shape[axes.index("S")]):
        axes = axes.replace("S", "C" if "C" not in axes else "Q")
    if len(axes) < 2:
        raise ValueError(f"axes {axes!r}, not an image")
    if "Y" not in axes or "X" not in axes:
        axes = axes[:-2] + "YX"
    return distinct_axes(axes[::-1])[::-1]  # of two equal letters the last one is right


def _named(axes: str) -> str:
    """Letters with a meaning for stack axes that have none: those that napari would assume."""
    stacks = axes.replace("S", "")
    if set(stacks[:-2]) <= set("TZC") or not stacks.endswith("YX") or len(stacks) > len(_ANY):
        return axes
    if any(letter in "TZC" for letter in stacks):
        return axes  # which of several axes a name is missing for cannot be told
    return default_axes((1,) * len(stacks)) + "S" * ("S" in axes)


_ANY = "TCZYX"
"""Most axes that have default names."""


def _is_ours(tif: Any, index: int) -> bool:
    described = tif.shaped_metadata or ()
    return index < len(described) and CREATOR in described[index]


def _facts(tif: Any, index: int, channels: int) -> Facts:
    """What the file says of an image, in whichever dialect."""
    if tif.is_ome:
        facts = read_ome(tif, index)
    elif tif.is_imagej:
        facts = read_imagej(tif, index, channels)
    else:
        facts = read_plain(tif, index)
    if len(facts.channels) not in (0, channels):
        return Facts(facts.dialect, facts.scales, (), facts.record, facts.further)
    return facts
