"""Photographs are turned upright, and their color profile is kept."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from napari_sr.io import read_image, write_image
from napari_sr.io._orientation import upright

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture():
    y, x = np.mgrid[:48, :80]
    return np.stack([3 * y, 3 * x, 2 * (x + y)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(folder, format, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = folder / f"camera.{format.lower()}"
    options = {"lossless": True} if format == "WEBP" else {}
    Image.fromarray(picture()).save(path, format, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    np.testing.assert_allclose(read_image(path).data.astype(int), expected, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_keeps_dtype_and_every_pixel(orientation):
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    turned = upright(image, orientation)
    assert turned.flags.c_contiguous
    assert turned.dtype == image.dtype
    assert sorted(turned.ravel()) == sorted(image.ravel())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_color_profile_is_read(folder, format):
    path = folder / f"profile.{format.lower()}"
    Image.fromarray(picture()).save(path, format, icc_profile=PROFILE)
    assert read_image(path).metadata["icc_profile"] == PROFILE


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".ome.tif"])
@pytest.mark.parametrize("repeat", [1, 50])
def test_pillow_finds_the_color_profile_that_was_written(folder, suffix, repeat):
    """Fifty profiles in a row are longer than one segment of a JPEG can be."""
    profile = PROFILE * repeat
    path = write_image(folder / f"p{suffix}", picture(), metadata={"icc_profile": profile})
    with Image.open(path) as image:
        assert image.info["icc_profile"] == profile
        assert image.size == (80, 48)


def test_a_damaged_exif_block_is_ignored(folder):
    path = folder / "exif.jpg"
    Image.fromarray(picture()).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert read_image(path).shape == (48, 80, 3)
