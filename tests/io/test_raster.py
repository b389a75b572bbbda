"""Pictures are decoded as Pillow and other libraries decode them; their size is checked before that."""

from __future__ import annotations

import io

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_sr.errors import FileReadError
from napari_sr.io import read_image
from napari_sr.io._headers import read_header

from .conftest import images, random_image


def saved(image, format, **options):
    """File content as Pillow writes it."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format, **options)
    return stream.getvalue()


def smooth(shape, seed=0):
    """A picture that lossy formats keep within a few counts."""
    return cv2.GaussianBlur(random_image(shape, np.uint8, seed), (0, 0), 6)


@given(image=images([np.uint8], samples=(1, 3, 4)), format=st.sampled_from(["PNG", "TIFF"]))
@settings(max_examples=30, deadline=None)
def test_lossless_pictures_are_read_as_pillow_wrote_them(folder, image, format):
    path = folder / "picture.any"
    path.write_bytes(saved(image, format))
    read = read_image(path)
    np.testing.assert_array_equal(read.data, image)
    assert read.axes == ("YX" if image.ndim == 2 else "YXS")


@given(image=images([np.uint8, np.uint16], samples=(1, 3, 4)))
@settings(max_examples=30, deadline=None)
def test_png_keeps_16_bits_and_alpha(folder, image):
    path = folder / "deep.png"
    bgr = image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]
    path.write_bytes(cv2.imencode(".png", bgr)[1].tobytes())
    read = read_image(path)
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read.data, image)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "BMP", "JPEG2000", "PPM"])
def test_colors_come_in_the_order_red_green_blue(folder, format):
    image = smooth((60, 90, 3))
    path = folder / "color.any"
    path.write_bytes(saved(image, format))
    read = read_image(path)
    expected = np.asarray(Image.open(path).convert("RGB"))
    np.testing.assert_allclose(read.data.astype(int), expected, atol=1)
    assert np.abs(read.data.astype(int) - image).mean() < 3


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "JPEG2000", "PPM"])
def test_gray_stays_gray(folder, format):
    path = folder / "gray.any"
    path.write_bytes(saved(smooth((50, 70)), format))
    assert read_image(path).axes == "YX"


def test_gray_with_alpha_becomes_rgba(folder):
    image = random_image((9, 11, 2), np.uint16)
    path = folder / "la.png"
    path.write_bytes(imagecodecs.png_encode(image))
    read = read_image(path).data
    np.testing.assert_array_equal(read[..., :3], np.repeat(image[..., :1], 3, axis=2))
    np.testing.assert_array_equal(read[..., 3], image[..., 1])


def test_palette_and_cmyk_become_rgb(folder):
    palette = Image.fromarray(smooth((40, 50, 3))).quantize(32)
    palette.save(folder / "palette.png")
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_image(folder / "palette.png").data, expected)
    picture = smooth((40, 50, 3))
    Image.fromarray(picture).convert("CMYK").save(folder / "cmyk.jpg", quality=98)
    assert np.abs(read_image(folder / "cmyk.jpg").data.astype(int) - picture).mean() < 3


def test_radiance_hdr_is_read_as_float_within_its_own_precision(folder):
    image = np.random.default_rng(0).uniform(1, 50, (20, 30, 3)).astype(np.float32)
    (folder / "sky.hdr").write_bytes(imagecodecs.rgbe_encode(image))
    read = read_image(folder / "sky.hdr")
    assert read.dtype == np.float32
    # 8 bits of mantissa, shared by the three samples
    limit = np.repeat(image.max(axis=2, keepdims=True) / 128, 3, axis=2)
    assert (np.abs(read.data - image) <= limit).all()


def test_portable_float_map_is_read_exactly(folder):
    image = random_image((7, 5), np.float32)
    (folder / "map.pfm").write_bytes(cv2.imencode(".pfm", image)[1].tobytes())
    np.testing.assert_array_equal(read_image(folder / "map.pfm").data, image)


def test_16_bit_jpeg2000_is_exact(folder):
    image = random_image((33, 21, 3), np.uint16)
    (folder / "deep.jp2").write_bytes(imagecodecs.jpeg2k_encode(image, level=0, reversible=True))
    np.testing.assert_array_equal(read_image(folder / "deep.jp2").data, image)


def test_openexr_is_read_or_the_error_names_it(folder):
    """No OpenCV wheel of today has OpenEXR; where one does, the image must come out."""
    head = (
        b"\x76\x2f\x31\x01\x02\0\0\0dataWindow\0box2i\0"
        + np.array([16, 0, 0, 3, 2], "<i4").tobytes()
    )
    (folder / "x.exr").write_bytes(head)
    with pytest.raises(FileReadError, match=r"OpenEXR"):
        read_image(folder / "x.exr")


def test_paths_may_hold_any_character(tmp_path):
    path = tmp_path / "Zürich 細胞 ☃" / "größe.png"
    path.parent.mkdir()
    image = random_image((4, 5), np.uint8)
    path.write_bytes(saved(image, "PNG"))
    np.testing.assert_array_equal(read_image(path).data, image)


CODERS = {
    "PNG": lambda image: bytes(imagecodecs.png_encode(image)),
    "JPEG": lambda image: saved(image, "JPEG"),
    "JPEG progressive": lambda image: saved(image, "JPEG", progressive=True),
    "JPEG 2000": lambda image: bytes(imagecodecs.jpeg2k_encode(image)),
    "WebP": lambda image: bytes(imagecodecs.webp_encode(image, lossless=True)),
    "WebP lossy": lambda image: bytes(imagecodecs.webp_encode(image, 80, lossless=False)),
    "WebP extended": lambda image: saved(image, "WEBP", icc_profile=b"x" * 200),
    "BMP": lambda image: saved(image, "BMP"),
    "PNM": lambda image: saved(image, "PPM"),
    "Radiance HDR": lambda image: cv2.imencode(".hdr", image.astype(np.float32))[1].tobytes(),
}


@given(size=st.tuples(st.integers(1, 70), st.integers(1, 70)), coder=st.sampled_from(list(CODERS)))
@settings(max_examples=60, deadline=None)
def test_the_size_is_known_before_decoding(folder, size, coder):
    coded = CODERS[coder](random_image((*size, 3), np.uint8))
    header = read_header(coded)
    (folder / "sized").write_bytes(coded)
    data = read_image(folder / "sized").data
    assert (header.height, header.width) == data.shape[:2] == size
    assert header.nbytes >= data.nbytes


@pytest.mark.parametrize("coder", list(CODERS))
def test_a_picture_beyond_the_memory_limit_is_refused_before_decoding(folder, coder):
    path = folder / "bomb"
    path.write_bytes(CODERS[coder](np.zeros((200, 300, 3), np.uint8)))
    with pytest.raises(FileReadError, match=r"bomb: 200 x 300 .* OME-Zarr"):
        read_image(path, max_bytes=100_000)


def test_a_small_file_that_announces_a_huge_picture_is_refused(folder):
    """A million pixels squared, RGBA of 16 bits, announced by a file of a hundred bytes."""
    coded = bytearray(imagecodecs.png_encode(np.zeros((1, 1, 4), np.uint16)))
    coded[16:24] = np.array([2**20, 2**20], ">u4").tobytes()
    (folder / "bomb.png").write_bytes(coded)
    with pytest.raises(FileReadError, match=r"8\.0 TiB"):
        read_image(folder / "bomb.png")


@pytest.mark.parametrize(
    ("bits", "options"),
    [
        (12, {"bitspersample": 12}),
        (8, {"lossless": True}),
        (12, {"bitspersample": 12, "lossless": True}),
        (16, {"bitspersample": 16, "lossless": True}),
    ],
)
@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3)])
def test_jpeg_of_other_bits_and_lossless_jpeg_are_read(folder, bits, options, shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = (x * 20 + y * 30 + 40) * 2**bits // 2**12
    dtype = np.uint8 if bits == 8 else np.uint16
    image = (image if len(shape) == 2 else np.stack([image] * 3, axis=-1)).astype(dtype)
    (folder / "deep.jpg").write_bytes(imagecodecs.jpeg_encode(image, level=98, **options))
    read = read_image(folder / "deep.jpg").data
    assert read.dtype == dtype
    assert np.abs(read.astype(int) - image).max() <= (0 if "lossless" in options else 2**bits // 64)


@pytest.mark.parametrize("largest", [1, 15, 100, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P3", "P5", "P6"])
def test_values_of_pnm_are_fractions_of_the_largest(folder, largest, kind):
    """As its specification says and Pillow reads them, in text with and without a last line break."""
    shape = (3, 4) if kind in ("P2", "P5") else (3, 4, 3)
    values = np.linspace(0, largest, np.prod(shape)).astype(int).reshape(shape)
    head = f"{kind}\n# comment\n4 3\n{largest}\n".encode()
    if kind in ("P2", "P3"):
        body = " ".join(map(str, values.ravel())).encode()
    else:
        body = values.astype(">u2" if largest > 255 else "u1").tobytes()
    (folder / "x.pnm").write_bytes(head + body)
    read = read_image(folder / "x.pnm")
    whole = 255 if largest < 256 else 65535
    assert read.dtype == (np.uint8 if largest < 256 else np.uint16)
    rounding = 1 if kind in ("P2", "P3") else 0.51  # OpenCV scales numbers in text, and rounds down
    np.testing.assert_allclose(read.data, values * (whole / largest), atol=rounding)
    assert bool(read.metadata.get("remarks")) == (largest not in (255, 65535))


def test_bitmaps_are_black_and_white(folder):
    for name, coded in (("p1", b"P1\n3 2\n0 1 0 1 1 1"), ("p4", b"P4\n8 1\n\xaa")):
        (folder / name).write_bytes(coded)
        with Image.open(io.BytesIO(coded + b"\n")) as image:
            expected = np.asarray(image.convert("L"))
        np.testing.assert_array_equal(read_image(folder / name).data, expected)
