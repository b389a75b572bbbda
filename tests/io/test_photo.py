"""What photographs carry beside pixels is kept for the enlarged picture, where it fits."""

from __future__ import annotations

import io
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from napari_sr.io import SpatialImage, read_image, write_image

from .conftest import random_image

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY = SRGB[:16] + b"GRAY" + SRGB[20:]
CMYK = SRGB[:16] + b"CMYK" + SRGB[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6">caf\xc3\xa9</a></x:xmpmeta>'
SUFFIXES = (".jpg", ".png", ".webp")


def photo(shape=(40, 60, 3)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.stack([3 * y, 3 * x, 2 * (x + y), 255 - y], axis=-1)[..., : shape[-1]]
    return image.astype(np.uint8)


def exif_of(orientation=6):
    exif = Image.Exif()
    exif[274], exif[271], exif[306] = orientation, "Canon", "2024:01:01 10:00:00"
    exif[256], exif[257], exif[282], exif[283], exif[296] = 60, 40, 300.0, 300.0, 2
    exif.get_ifd(0x8769).update(
        {0xA002: 60, 0xA003: 40, 0x829A: 0.01, 0x9003: "2024:01:01 09:59:59"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 30.0)})
    return exif


def enlarged(image, factor=2):
    """The image as the engine enlarges it, by repeating pixels."""
    pixels = image.data.repeat(factor, axis=0).repeat(factor, axis=1)
    return image.finer(pixels, {"Y": factor, "X": factor})


@pytest.mark.parametrize("source", SUFFIXES)
@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_and_xmp_are_kept_for_the_upright_picture(tmp_path, source, target, orientation):
    path = tmp_path / f"camera{source}"
    Image.fromarray(photo()).save(path, exif=exif_of(orientation), **_xmp_option(source))
    read = read_image(path)
    turned = orientation >= 5
    assert read.shape[:2] == ((60, 40) if turned else (40, 60))
    with Image.open(write_image(tmp_path / f"large{target}", enlarged(read))) as image:
        exif, width, height = image.getexif(), image.width, image.height
        assert ImageOps.exif_transpose(image).size == image.size  # upright already
        xmp = image.info.get("xmp", b"")
    assert (exif[271], exif[306], exif[274]) == ("Canon", "2024:01:01 10:00:00", 1)
    assert (exif[256], exif[257]) == (width, height)
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (width, height)
    assert details[0x9003] == "2024:01:01 09:59:59"
    assert exif.get_ifd(0x8825)[2] == (47.0, 22.0, 30.0)
    assert b"caf\xc3\xa9" in xmp
    assert b'Orientation="1"' in xmp


def _xmp_option(suffix):
    if suffix != ".png":
        return {"xmp": XMP}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return {"pnginfo": info}


def test_a_png_of_16_bits_keeps_as_much(tmp_path):
    data = random_image((20, 30, 3), np.uint16)
    exif = exif_of(1).tobytes()
    metadata = {"icc_profile": SRGB, "exif": exif, "xmp": XMP, "print_size": (0.2, 0.3)}
    path = write_image(tmp_path / "deep.png", data, metadata=metadata)
    np.testing.assert_array_equal(imagecodecs.png_decode(path.read_bytes()), data)
    with Image.open(path) as image:
        image.load()
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[271] == "Canon"
        assert b"caf\xc3\xa9" in image.info["xmp"]
        assert image.info["dpi"] == pytest.approx((100, 100), rel=1e-3)
    read = read_image(path).metadata
    assert read["icc_profile"] == SRGB
    assert read["print_size"] == pytest.approx((0.2, 0.3), rel=1e-3)


def test_exif_behind_the_pixels_is_found(tmp_path):
    coded = bytearray(imagecodecs.png_encode(photo()))
    stream = io.BytesIO()
    from PIL.PngImagePlugin import putchunk

    putchunk(stream, b"eXIf", exif_of(6).tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "late.png").write_bytes(coded[:-12] + stream.getvalue() + coded[-12:])
    assert read_image(tmp_path / "late.png").shape == (60, 40, 3)


@given(junk=st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_damaged_exif_block_is_left_out(folder, junk):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_image(folder / "junk.jpg", photo(), metadata={"exif": b"Exif\0\0" + junk})
    assert read_image(path).shape == (40, 60, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".ome.tif"])
def test_a_print_keeps_its_size(tmp_path, suffix):
    """300 dots per inch say how large the print is, not how large the specimen."""
    path = tmp_path / f"scan{suffix}"
    Image.fromarray(photo()).save(path, "TIFF" if "tif" in suffix else None, dpi=(300, 300))
    read = read_image(path)
    assert (read.scale[:2], read.units[:2]) == ((1, 1), ("pixel", "pixel"))
    large = enlarged(read)
    target = write_image(tmp_path / f"large{suffix}", large)
    with Image.open(target) as image:
        assert tuple(map(float, image.info["dpi"])) == pytest.approx((600, 600), rel=1e-3)
    again = read_image(target)
    assert again.metadata["print_size"] == pytest.approx((40 / 300, 60 / 300), rel=1e-3)
    if "tif" in suffix:  # which can hold both
        assert (again.scale, again.translation) == (large.scale, large.translation)


def test_density_follows_the_picture_when_it_is_turned(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "fax.jpg", dpi=(200, 100), exif=exif_of(6))
    read = read_image(tmp_path / "fax.jpg")
    assert read.shape == (60, 40, 3)
    assert read.metadata["print_size"] == pytest.approx((60 / 200, 40 / 100))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("um", [1.0, 0.5])
def test_pixel_sizes_of_microscopes_are_kept_as_density(tmp_path, suffix, um):
    size = {"scale": (um, 2 * um), "units": ("micrometer", "micrometer")}
    path = write_image(tmp_path / f"cell{suffix}", random_image((20, 30), np.uint8), **size)
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((12700 / um, 25400 / um), rel=1e-4)
    read = read_image(path)
    assert read.scale == pytest.approx((um, 2 * um), rel=1e-4)
    assert read.units == ("micrometer", "micrometer")


@pytest.mark.parametrize("size", [(1e-12, "meter"), (5, "kilometer"), (0.01, "second")])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_pixel_sizes_are_left_out(tmp_path, suffix, size):
    image = random_image((20, 30), np.uint8)
    path = write_image(tmp_path / f"x{suffix}", image, scale=(size[0],) * 2, units=(size[1],) * 2)
    with Image.open(path) as picture:
        assert "dpi" not in picture.info


@pytest.mark.parametrize(
    ("mode", "profile"), [("CMYK", CMYK), ("CMYK", SRGB), ("L", SRGB), ("LA", GRAY), ("RGB", GRAY)]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_profile_for_other_colors_is_left_out_and_that_is_said(tmp_path, mode, profile, suffix):
    if (mode, suffix) in [("CMYK", ".png"), ("CMYK", ".tif"), ("LA", ".jpg"), ("LA", ".tif")]:
        pytest.skip("cannot hold, or be read in, these colors")
    path = tmp_path / f"x{suffix}"
    Image.fromarray(photo()).convert(mode).save(path, icc_profile=profile)
    read = read_image(path)
    assert "icc_profile" not in read.metadata
    (remark,) = read.metadata["remarks"]
    assert path.name in remark
    assert "color profile" in remark


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".ome.tif"])
@pytest.mark.parametrize("color", [True, False])
def test_a_profile_is_written_to_fitting_colors_only(tmp_path, suffix, color):
    """A channel of a color picture is gray, and still has the metadata of the picture."""
    data = photo() if color else photo()[..., 0]
    for profile in (SRGB, GRAY):
        path = write_image(tmp_path / f"x{suffix}", data, metadata={"icc_profile": profile})
        with Image.open(path) as image:
            kept = image.info.get("icc_profile")
        fits = profile == (SRGB if color else GRAY)
        if suffix == ".webp" and not color:
            fits = False  # which stores gray as RGB
            continue
        assert kept == (profile if fits else None)


def test_tiff_keeps_camera_date_and_xmp(tmp_path):
    Image.fromarray(photo()).save(tmp_path / "a.jpg", exif=exif_of(1), xmp=XMP)
    read = read_image(tmp_path / "a.jpg")
    for name in ("a.tif", "a.ome.tif"):
        path = write_image(tmp_path / name, read)
        with tifffile.TiffFile(path) as tif:
            tags = tif.pages.first.tags
            assert (tags[271].value, tags[306].value) == ("Canon", "2024:01:01 10:00:00")
            assert b"caf\xc3\xa9" in bytes(tags[700].value)
    tifffile.imwrite(
        tmp_path / "scan.tif", photo(), photometric="rgb", datetime="2020:02:02 02:02:02",
        extratags=[(271, "s", 0, "Epson", True)], metadata=None,
    )  # fmt: skip
    with Image.open(write_image(tmp_path / "b.jpg", read_image(tmp_path / "scan.tif"))) as image:
        assert image.getexif()[271] == "Epson"
        assert image.getexif()[306] == "2020:02:02 02:02:02"


def test_a_profile_of_more_than_a_mebibyte_is_read(tmp_path):
    """As of printers; Pillow refuses to open such a PNG."""
    profile = SRGB + random_image((3 * 2**20,), np.uint8).tobytes()
    path = write_image(
        tmp_path / "printer.png",
        random_image((9, 9, 3), np.uint16),
        metadata={"icc_profile": profile},
    )
    assert read_image(path).metadata["icc_profile"] == profile


def test_a_profile_that_inflates_without_end_is_left_out(tmp_path):
    bomb = SRGB + bytes(64 * 2**20)
    data = SpatialImage(random_image((9, 9, 3), np.uint16), "YXS", metadata={"icc_profile": bomb})
    path = write_image(tmp_path / "bomb.png", data)
    assert path.stat().st_size < 2**20
    assert "icc_profile" not in read_image(path).metadata
