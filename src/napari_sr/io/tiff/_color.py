"""Colors of TIFF pages: palettes, luma and chroma, inverted gray and premultiplied alpha become gray or RGB(A)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import FileReadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.imaging import Array

__all__ = ["check_color_model", "color_samples", "to_shown_colors"]

MINISWHITE, RGB, PALETTE, YCBCR = 0, 2, 3, 6
"""TIFF's numbers of color models (PhotometricInterpretation)."""
UNSUPPORTED = {5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab"}
"""Color models whose values would be shown in wrong colors, and are refused."""
DECODED_TO_RGB = (6, 7, 33007, 34892, 50001, 50002)
"""Compressions whose decoders convert luma and chroma themselves: JPEG in its variants, WebP and JPEG XL."""
APERIO_YCBCR = 33003
"""Aperio's JPEG 2000 of luma and chroma, whatever the color model says."""
PREMULTIPLIED = 1
"""TIFF's number of alpha by which the colors are multiplied (ExtraSamples)."""
SMOOTHEST_PALETTE = 8
"""Mean difference of two neighboring colors, summed over their samples in 0 to 255. Lookup tables for display stay
below (the largest of napari's 40 is 6), palettes of reduced photographs above (11 and more were measured)."""


def check_color_model(path: Path, page: Any) -> None:
    """Refuse colors that cannot be converted.

    Parameters
    ----------
    path : Path
        For the message.
    page : tifffile.TiffPage
        The first page of the image.

    Raises
    ------
    FileReadError
        For color models other than gray, RGB, palettes, and luma with chroma of 8 bits at full resolution.
    """
    if page.photometric in UNSUPPORTED:
        raise FileReadError(f"{path.name}: {UNSUPPORTED[page.photometric]} colors; save as RGB")
    if not _is_ycbcr(page):
        return
    subsampled = tuple(page.tags.valueof("YCbCrSubSampling") or (2, 2)) != (1, 1)
    if page.dtype != np.uint8 or (subsampled and page.compression != APERIO_YCBCR):
        raise FileReadError(
            f"{path.name}: YCbCr colors of reduced resolution or {page.dtype}; save as RGB"
        )


def color_samples(page: Any, samples: int) -> bool:
    """Whether the samples of a pixel are RGB(A) rather than channels.

    Parameters
    ----------
    page : tifffile.TiffPage
        The first page of the image.
    samples : int
        Their number.

    Returns
    -------
    bool
        True for three or four samples of a color model.
    """
    return samples in (3, 4) and page.photometric in (RGB, YCBCR)


def to_shown_colors(data: Array, page: Any, *, scientific: bool) -> Array:
    """Pixels as viewers show them.

    Parameters
    ----------
    data : array, shape (..., Y, X) or (..., Y, X, S)
        As stored.
    page : tifffile.TiffPage
        The first page of the image.
    scientific : bool
        Whether the file is OME-TIFF or ImageJ's. Its values are measured ones: black and white are not exchanged, and
        a lookup table for display is no palette.

    Returns
    -------
    array
        With a further last axis for the colors of a palette.
    """
    if page.photometric == PALETTE and page.colormap is not None:
        lut = _eight_bits(np.asarray(page.colormap).T)
        if scientific and _is_display_lut(lut):
            return data
        return _map(data, lambda block: np.asarray(lut[block]), lut)
    if page.photometric == MINISWHITE and not scientific:
        return _inverted(data)
    if _is_ycbcr(page) and data.shape[-1] == 3:
        convert = _ycbcr_converter(page)
        return _map(data, convert, None)
    if PREMULTIPLIED in page.extrasamples and data.shape[-1] == 4 and page.photometric == RGB:
        return _map(data, _unmultiplied, None)
    return data


def _map(
    data: Array, convert: Callable[[NDArray[Any]], NDArray[Any]], lut: NDArray[Any] | None
) -> Array:
    """Convert pixels, lazily where the image is lazy; with a further axis for colors of a palette."""
    if isinstance(data, np.ndarray):
        return convert(data)
    if lut is None:
        whole = data.rechunk({data.ndim - 1: -1})
        return whole.map_blocks(convert, meta=np.empty((0,) * data.ndim, data.dtype))
    meta = np.empty((0,) * (data.ndim + 1), lut.dtype)
    return data.map_blocks(convert, new_axis=data.ndim, chunks=(*data.chunks, (3,)), meta=meta)


def _eight_bits(lut: NDArray[np.uint16]) -> NDArray[Any]:
    """A palette of 16 bits, shape (n, 3), in 8 bits where nothing is lost."""
    whole = not (lut % 257).any() or not (lut % 256).any()
    return (lut >> 8).astype(np.uint8) if whole else lut


def _is_display_lut(lut: NDArray[Any]) -> bool:
    """Whether a palette is a smooth lookup table, in equal steps or not, for gray values."""
    levels = lut.astype(float) / (257 if lut.dtype == np.uint16 else 1)
    steps = np.abs(np.diff(levels, axis=0)).sum(axis=1)
    used = np.trim_zeros(steps, "b")  # palettes of few colors end in unused entries
    if len(used) == 0:
        return True
    stepped = np.mean(used == 0) > 0.5
    return bool(stepped or used.mean() < SMOOTHEST_PALETTE)


def _inverted(data: Array) -> Array:
    if data.dtype == bool:
        return ~data
    return np.iinfo(data.dtype).max - data if data.dtype.kind == "u" else data


def _is_ycbcr(page: Any) -> bool:
    """Whether decoded pixels are luma and chroma."""
    if page.compression == APERIO_YCBCR:
        return True
    return page.photometric == YCBCR and page.compression not in DECODED_TO_RGB


def _ycbcr_converter(page: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Conversion to RGB (TIFF 6.0, section 21) with the page's own coefficients."""
    red, green, blue = _fractions(page, "YCbCrCoefficients", (0.299, 0.587, 0.114))
    limits = _fractions(page, "ReferenceBlackWhite", (0, 255, 128, 255, 128, 255))
    black, white = np.array(limits[::2]), np.array(limits[1::2])

    def convert(block: NDArray[Any]) -> NDArray[Any]:
        luma, cb, cr = np.moveaxis(
            (block - black) / (white - black) * np.array([255, 127, 127]), -1, 0
        )
        r = luma + cr * (2 - 2 * red)
        b = luma + cb * (2 - 2 * blue)
        g = (luma - blue * b - red * r) / green
        rgb = np.rint(np.stack([r, g, b], axis=-1))
        return np.asarray(np.clip(rgb, 0, 255).astype(np.uint8))

    return convert


def _fractions(page: Any, tag: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Numbers that a tag stores as pairs of numerator and denominator."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 * len(default) or 0 in value[1::2]:
        return default
    return tuple(a / b for a, b in zip(value[::2], value[1::2], strict=True))


def _unmultiplied(block: NDArray[Any]) -> NDArray[Any]:
    """RGBA whose colors are not multiplied by alpha; where alpha is 0, colors stay as they are."""
    whole = 1.0 if block.dtype.kind == "f" else float(np.iinfo(block.dtype).max)
    alpha = block[..., 3:].astype(np.float64)
    factor = np.divide(whole, alpha, out=np.ones_like(alpha), where=alpha > 0)
    colors = block[..., :3] * factor
    if block.dtype.kind != "f":
        colors = np.rint(np.minimum(colors, whole))
    return np.concatenate([colors.astype(block.dtype), block[..., 3:]], axis=-1)
