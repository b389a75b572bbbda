"""Print size: how large a picture is meant to be on paper, as cameras, scanners and printers store it.

Dots per inch say nothing about the specimen. They are kept as the size of the print, which stays the same however many
pixels a picture has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["FINEST_PRINT", "PRINT_SIZE", "dots_per_inch", "is_print", "print_size"]

PRINT_SIZE = "print_size"
"""Key of a picture's height and width in inches, in its metadata."""

FINEST_PRINT = 2400
"""Dots per inch up to which a density in dots *per inch* is that of a printer, scanner or screen. Microscopes, whose
pixels are smaller than 10 µm, store densities above."""

USUAL_PRINT = (70, 620)
"""Dots per inch that printers and screens use (72 to 600, rounded in other units). In other units than inches, which
instruments use as well, only these are taken for a print's."""


def is_print(dots: float, *, in_inches: bool) -> bool:
    """Whether a density is that of a print rather than of a specimen.

    Parameters
    ----------
    dots : float
        Dots per inch.
    in_inches : bool
        Whether the file gives it in dots per inch.

    Returns
    -------
    bool
        True for up to `FINEST_PRINT` in inches, and for `USUAL_PRINT` in other units.
    """
    if in_inches:
        return dots <= FINEST_PRINT
    return USUAL_PRINT[0] <= dots <= USUAL_PRINT[1]


def print_size(shape: tuple[int, int], dots: tuple[float, float]) -> tuple[float, float]:
    """Size of a picture on paper.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    dots : (float, float)
        Dots per inch along Y and X.

    Returns
    -------
    (float, float)
        Height and width in inches.
    """
    return shape[0] / dots[0], shape[1] / dots[1]


def dots_per_inch(image: SpatialImage) -> tuple[float, float] | None:
    """Density at which a picture keeps the size of its print.

    Parameters
    ----------
    image : SpatialImage
        Of as many pixels as are written.

    Returns
    -------
    (float, float) or None
        Dots per inch along Y and X; None where nothing is known of a print.
    """
    size = image.metadata.get(PRINT_SIZE)
    if size is None:
        return None
    height, width = (image.shape[image.axes.index(axis)] for axis in "YX")
    return height / size[0], width / size[1]
