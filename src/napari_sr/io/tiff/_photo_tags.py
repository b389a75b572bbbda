"""Tags in which TIFF has what photographs carry beside their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.io._photo import EXIF, ICC_PROFILE, XMP, picture_options

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["XMP_TAG", "camera_exif", "photo_options"]

XMP_TAG = 700
"""Number of the tag that contains XMP."""
CAMERA_TAGS = {271: "make", 272: "model", 306: "date", 315: "artist", 33432: "copyright"}
"""Numbers of the tags that are texts both in TIFF and in the first directory of EXIF."""
DATE_TAG = 306
"""Of these, the one that tifffile writes by an option of its own."""


def camera_exif(page: Any) -> bytes | None:
    """What a camera or scanner noted in the tags of a page.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    bytes or None
        EXIF block; None where there is nothing to keep.
    """
    from PIL import Image

    block = Image.Exif()
    for number in CAMERA_TAGS:
        value = page.tags.valueof(number)
        if isinstance(value, str) and value.strip():
            block[number] = value
    return block.tobytes() if block else None


def photo_options(image: SpatialImage, *, gray: bool) -> dict[str, Any]:
    """Arguments with which tifffile stores what a photograph carries beside its pixels.

    Parameters
    ----------
    image : SpatialImage
        Its color profile is kept if it fits, XMP, and of EXIF what TIFF has tags for.
    gray : bool
        Whether it is gray rather than RGB(A).

    Returns
    -------
    dict
        Keyword arguments of ``tifffile.TiffWriter.write``.
    """
    from PIL import Image

    if not any(image.metadata.get(key) for key in (ICC_PROFILE, EXIF, XMP)):
        return {}
    found = picture_options(image, gray=gray)
    block = Image.Exif()
    block.load(found.get(EXIF, b""))
    texts = {number: block[number] for number in CAMERA_TAGS if isinstance(block.get(number), str)}
    options: dict[str, Any] = {}
    if ICC_PROFILE in found:
        options["iccprofile"] = found[ICC_PROFILE]
    if date := texts.pop(DATE_TAG, None):
        options["datetime"] = date
    extra = [(number, "s", 0, text, True) for number, text in texts.items() if text.isascii()]
    if XMP in found:
        extra.append((XMP_TAG, "B", len(found[XMP]), found[XMP], True))
    return options | ({"extratags": extra} if extra else {})
