"""Read TIFF, OME-TIFF and ImageJ's TIFF with axes and pixel size; large ones lazily."""

from __future__ import annotations

from dataclasses import replace
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
from napari_sr.io.tiff._geo_tags import geo_metadata
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
    lazy = series.nbytes > LAZY_ABOVE if lazy is None else lazy
    levels = _levels(path, series, index, lazy, limit)
    remarks: list[str] = []
    if (present := planes_present(path, series)) is not None:
        remarks.append(
            f"{path.name}: {present} of {series.shape[0]} planes along {series.axes[0]} are there"
        )
        levels = [level[:present] for level in levels]
    scientific = bool(tif.is_imagej or tif.is_ome)
    turn = _orientation(page)
    stored = _axes(series, page)
    levels = [_as_shown(level, stored, page, turn, scientific=scientific) for level in levels]
    stacks = stored.replace("S", "")
    axes = stacks + "S" * (levels[0].ndim > len(stacks))
    if not scientific and not _is_ours(tif, index) and _is_unnamed(stacks):
        axes = default_axes((1,) * len(stacks)) + axes[len(stacks) :]
        remarks.append(
            f"{path.name}: its stack axes have no names; taken for {axes} unless others are given"
        )
    profile = fitting_profile(page.iccprofile, gray="S" not in axes)
    if page.iccprofile and profile is None:
        remarks.append(f"{path.name}: its color profile is for other colors and is left out")
    facts = _facts(tif, index, levels[0].shape[axes.index("C")] if "C" in axes else 1, turn)
    known = [facts.scales.get(axis, AxisScale(1.0)) for axis in axes]
    metadata = {
        **facts.further,
        **(geo_metadata(page) if turn == UPRIGHT else {}),
        ICC_PROFILE: profile,
        XMP: page.tags.valueof(XMP_TAG),
        EXIF: None if scientific else camera_exif(page),
        RECORD: facts.record,
        REMARKS: tuple(remarks),
    }
    return SpatialImage(
        levels[0],
        axes,
        scale=tuple(each.scale for each in known),
        translation=tuple(each.origin for each in known),
        units=tuple(each.unit for each in known),
        channels=facts.channels,
        levels=tuple(levels[1:]),
        name=path.name.partition(".ome.")[0] if ".ome." in path.name else path.stem,
        metadata={"format": facts.dialect, "series": len(tif.series)}
        | {key: value for key, value in metadata.items() if value},
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


def _is_unnamed(axes: str) -> bool:
    """Whether all stack axes lack a meaning, and there are so few that napari would assume one for each."""
    return 2 < len(axes) <= 5 and axes.endswith("YX") and not set(axes[:-2]) & set("TZC")


def _is_ours(tif: Any, index: int) -> bool:
    """Whether we have described the axes ourselves."""
    described = tif.shaped_metadata or ()
    return index < len(described) and CREATOR in described[index]


def _facts(tif: Any, index: int, channels: int, turn: int) -> Facts:
    """What the file says about an image, in whichever dialect, for the image as it is shown."""
    if tif.is_ome:
        facts = read_ome(tif, index)
    elif tif.is_imagej:
        facts = read_imagej(tif, index, channels)
    else:
        facts = read_plain(tif, index)
    if len(facts.channels) not in (0, channels):
        facts = replace(facts, channels=())
    if not swaps_axes(turn):
        return facts
    further = dict(facts.further)
    if PRINT_SIZE in further:
        further[PRINT_SIZE] = further[PRINT_SIZE][::-1]
    swapped = {"X": "Y", "Y": "X"}
    scales = {swapped.get(axis, axis): scale for axis, scale in facts.scales.items()}
    return replace(facts, scales=scales, further=further)
