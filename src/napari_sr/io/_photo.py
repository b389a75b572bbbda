"""What pictures carry beside pixels: EXIF, XMP, color profile and density, kept for the enlarged picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_sr.io._orientation import ORIENTATION_TAG, UPRIGHT
from napari_sr.io._print_size import FINEST_PRINT, PRINT_SIZE, dots_per_inch, print_size
from napari_sr.io._units import ratio

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = [
    "EXIF",
    "EXIF_PREFIX",
    "ICC_PROFILE",
    "XMP",
    "density_metadata",
    "exif_orientation",
    "fitting_profile",
    "picture_options",
]

EXIF, XMP, ICC_PROFILE = "exif", "xmp", "icc_profile"
"""Keys in the metadata of an image, and Pillow's names: bytes as a JPEG contains them."""

EXIF_PREFIX = b"Exif\0\0"
"""What precedes an EXIF block in JPEG."""

_COLOR_SPACE = slice(16, 20)
"""Bytes of an ICC profile that name its color model."""
_EXIF_IFD, _WIDTHS, _HEIGHTS = 0x8769, (0x0100, 0xA002), (0x0101, 0xA003)
"""EXIF's numbers of its second directory, and of the tags of width and height in the first and the second one."""
_RESOLUTIONS, _UNIT_TAG, _INCHES = (0x011A, 0x011B), 0x0128, 2
"""EXIF's numbers of the tags of dots per unit along X and Y and of the unit, and of inches."""


def exif_orientation(exif: bytes) -> int:
    """Orientation that an EXIF block gives.

    Parameters
    ----------
    exif : bytes
        With or without `EXIF_PREFIX`.

    Returns
    -------
    int
        1 to 8; upright where it gives none, or is damaged.
    """
    block = _parsed(exif)
    orientation: Any = UPRIGHT if block is None else block.get(ORIENTATION_TAG)
    return int(orientation) if orientation in range(1, 9) else UPRIGHT


def fitting_profile(profile: bytes | None, *, gray: bool) -> bytes | None:
    """Color profile of an image, if it is one of its color model.

    Parameters
    ----------
    profile : bytes or None
        ICC profile.
    gray : bool
        Whether the image is gray rather than RGB(A).

    Returns
    -------
    bytes or None
        None for the profile of another color model, such as CMYK, which would give RGB wrong colors.
    """
    fits = profile is not None and profile[_COLOR_SPACE] == (b"GRAY" if gray else b"RGB ")
    return profile if fits else None


def density_metadata(
    shape: tuple[int, int], dots: tuple[float, float] | None
) -> tuple[tuple[float, float] | None, dict[str, Any]]:
    """Pixel size, or else the size of the print, that a density means.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    dots : (float, float) or None
        Dots per inch along Y and X.

    Returns
    -------
    size : (float, float) or None
        Micrometers along Y and X, for densities that only instruments have.
    metadata : dict
        The size of the print, for all others.
    """
    if dots is None or min(dots) <= 0:
        return None, {}
    if min(dots) > FINEST_PRINT:
        y, x = (float(f"{25400 / each:.6g}") for each in dots)  # files store whole dots per meter
        return (y, x), {}
    return None, {PRINT_SIZE: print_size(shape, dots)}


def picture_options(image: SpatialImage, *, gray: bool) -> dict[str, Any]:
    """What a picture carries beside its pixels, in the words of Pillow's ``Image.save``.

    Parameters
    ----------
    image : SpatialImage
        What is written: upright, of its final size.
    gray : bool
        Whether it is gray rather than RGB(A).

    Returns
    -------
    dict
        ``icc_profile``, ``exif``, ``xmp`` and ``dpi`` as far as they are known.
    """
    dots = _dots(image)
    options = {
        ICC_PROFILE: fitting_profile(image.metadata.get(ICC_PROFILE), gray=gray),
        EXIF: _upright_exif(image.metadata.get(EXIF), image, dots),
        XMP: _upright_xmp(image.metadata.get(XMP)),
        "dpi": None if dots is None else dots[::-1],
    }
    return {key: value for key, value in options.items() if value}


def _dots(image: SpatialImage) -> tuple[float, float] | None:
    """Dots per inch along Y and X, from pixel sizes or else from the size of the print."""
    inches = [ratio(image.unit_along(axis), "inch") for axis in "YX"]
    sizes = [abs(image.size_along(axis)) for axis in "YX"]
    if None in inches or 0 in sizes:
        return dots_per_inch(image)
    y, x = (1 / (size * (inch or 1)) for size, inch in zip(sizes, inches, strict=True))
    return y, x


def _parsed(exif: bytes | None) -> Any:
    """EXIF block as Pillow's mapping; None where there is none, or it is damaged."""
    from PIL import Image

    block = Image.Exif()
    try:
        block.load(exif or b"")
    except Exception:  # Pillow meets damaged blocks with errors of many kinds
        return None
    return block


def _upright_exif(
    exif: bytes | None, image: SpatialImage, dots: tuple[float, float] | None
) -> bytes | None:
    """EXIF block for the enlarged picture: upright, of its size and density, without the old thumbnail."""
    block = _parsed(exif)
    if not block:
        return None
    height, width = (image.shape[image.axes.index(axis)] for axis in "YX")
    try:
        if ORIENTATION_TAG in block:
            block[ORIENTATION_TAG] = UPRIGHT
        for tags in (block, block.get_ifd(_EXIF_IFD)):
            for numbers, length in ((_WIDTHS, width), (_HEIGHTS, height)):
                tags.update({number: length for number in numbers if number in tags})
        for number, density in zip(_RESOLUTIONS, dots[::-1] if dots else (None, None), strict=True):
            if number in block and density is None:
                del block[number]
            elif number in block:
                block[number] = density
        if dots and _UNIT_TAG in block:
            block[_UNIT_TAG] = _INCHES
        coded: bytes = block.tobytes()
    except Exception:  # as above: some values cannot be written as they were read
        return None
    return coded


def _upright_xmp(xmp: bytes | None) -> bytes | None:
    """XMP whose orientation is that of the pixels."""
    if xmp is None:
        return None
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[1-8]", rb"\g<1>1", xmp)
