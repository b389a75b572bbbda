"""GeoTIFF: where an image lies on the ground, kept for the enlarged image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["GEOTIFF", "geo_metadata", "geo_tags"]

GEOTIFF = "geotiff"
"""Key in an image's metadata: its height and width, and its tags by number."""

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION = 33550, 33922, 34264
"""Numbers of the tags that connect pixels and ground."""
KEYS, NO_DATA = 34735, 42113
"""Numbers of the tags of GeoTIFF's keys, and of the value that GDAL takes for missing."""
TYPES = {
    PIXEL_SCALE: "d",
    TIE_POINTS: "d",
    TRANSFORMATION: "d",
    KEYS: "H",
    34736: "d",  # numbers of keys
    34737: "s",  # texts of keys
    NO_DATA: "s",
}
"""Tags that are kept, and tifffile's letter for their type."""
RASTER_TYPE, PIXEL_IS_POINT = 1025, 2
"""GeoTIFF's key that tells whether coordinates count from centers of pixels rather than corners, and its value then."""


def geo_metadata(page: Any) -> dict[str, Any]:
    """Tags of GeoTIFF.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page, which must be upright.

    Returns
    -------
    dict
        Entry for the metadata of the image; empty where it is no GeoTIFF.
    """
    tags = {number: page.tags.valueof(number) for number in TYPES if number in page.tags}
    if PIXEL_SCALE not in tags and TRANSFORMATION not in tags:
        return {}
    return {GEOTIFF: {"size": (page.imagelength, page.imagewidth), "tags": tags}}


def geo_tags(image: SpatialImage) -> list[tuple[Any, ...]]:
    """Tags of GeoTIFF for an image that may be enlarged.

    Parameters
    ----------
    image : SpatialImage
        With the metadata of the original.

    Returns
    -------
    list of tuple
        For tifffile's option ``extratags``; empty where nothing is known.
    """
    known = image.metadata.get(GEOTIFF)
    if not known:
        return []
    height, width = (image.shape[image.axes.index(axis)] for axis in "YX")
    factors = width / known["size"][1], height / known["size"][0], 1.0
    tags = dict(known["tags"])
    # Corners of pixels stay where they are, and centers move, when pixels become smaller.
    center = 0.5 if _counts_from_centers(tags.get(KEYS) or ()) else 0.0
    if PIXEL_SCALE in tags:
        tags[PIXEL_SCALE] = [s / f for s, f in zip(tags[PIXEL_SCALE], factors, strict=True)]
    if TIE_POINTS in tags:
        tags[TIE_POINTS] = [
            (value + center) * factors[i % 6] - center if i % 6 < 2 else value
            for i, value in enumerate(tags[TIE_POINTS])
        ]
    if TRANSFORMATION in tags:
        tags[TRANSFORMATION] = _finer_transformation(tags[TRANSFORMATION], factors, center)
    return [
        (number, TYPES[number], 0 if TYPES[number] == "s" else len(value), value, True)
        for number, value in tags.items()
    ]


def _counts_from_centers(keys: Any) -> bool:
    """Whether the directory of keys, four numbers each, says that a coordinate is that of a pixel's center."""
    entries = [tuple(keys[i : i + 4]) for i in range(4, len(keys), 4)]
    return (RASTER_TYPE, 0, 1, PIXEL_IS_POINT) in entries


def _finer_transformation(
    matrix: Any, factors: tuple[float, float, float], center: float
) -> list[float]:
    """Matrix from pixels to ground, 4 x 4 by rows, for smaller pixels."""
    finer = []
    for row in range(4):
        a = [float(value) for value in matrix[4 * row : 4 * row + 4]]
        scaled = [value / factor for value, factor in zip(a[:3], factors, strict=True)]
        shift = sum((s - v) * center for s, v in zip(scaled[:2], a[:2], strict=True))
        finer += [*scaled, a[3] + shift]
    return finer
