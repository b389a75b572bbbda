"""Placement: what of an image's position in the world files can store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["storable", "unflipped"]


def storable(image: SpatialImage) -> SpatialImage:
    """The image without what no image format has a place for.

    Parameters
    ----------
    image : SpatialImage
        Any.

    Returns
    -------
    SpatialImage
        Without rotation and shear. Where there were any, the position is left out as well: it would be misleading for
        an image that is not turned.
    """
    if image.linear is None:
        return image
    return replace(image, linear=None, translation=(0.0,) * len(image.axes))


def unflipped(image: SpatialImage) -> SpatialImage:
    """The same picture at the same place with positive pixel sizes, for formats that have no others.

    Parameters
    ----------
    image : SpatialImage
        Negative where an axis is flipped.

    Returns
    -------
    SpatialImage
        The pixels of flipped axes are in reverse order, and its position is that of what was the last pixel.
    """
    axes = range(len(image.axes))
    flipped = [i for i in axes if image.scale[i] < 0]
    if not flipped:
        return image
    scale, translation = list(image.scale), list(image.translation)
    for i in flipped:
        translation[i] += (image.shape[i] - 1) * scale[i]
        scale[i] = -scale[i]
    return replace(
        image,
        data=image.data[tuple(slice(None, None, -1 if i in flipped else 1) for i in axes)],
        levels=(),
        scale=tuple(scale),
        translation=tuple(translation),
    )
