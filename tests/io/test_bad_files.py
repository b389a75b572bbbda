"""Missing, damaged and incomplete files are refused with one line that names the file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.errors import FileReadError
from napari_sr.io import read_image, write_image

from .conftest import random_image
from .test_raster import CODERS


def refused(path):
    with pytest.raises(FileReadError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".hdr", ".xyz"])
@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"just some text, renamed\n" * 9, "not"), (b"\x89PNG\r\n\x1a\n", "header")],
)
def test_files_that_are_not_images_are_refused(tmp_path, suffix, content, says):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    assert says in refused(path)


def test_a_missing_file_and_a_plain_folder_are_refused(tmp_path):
    assert "No such file" in refused(tmp_path / "nothing.png")
    assert "not a Zarr group" in refused(tmp_path)


@pytest.mark.parametrize("name", ["png.jpg", "jpeg.png", "tiff.png", "png.tif", "webp.bmp"])
def test_the_content_decides_and_not_the_suffix(tmp_path, name):
    image = np.full((20, 30, 3), 128, np.uint8)
    coder = {"jpeg": "JPEG", "webp": "WebP"}.get(name.partition(".")[0], "PNG")
    path = tmp_path / name
    if name.startswith("tiff"):
        tifffile.imwrite(path, image, photometric="rgb")
    else:
        path.write_bytes(CODERS[coder](image))
    np.testing.assert_allclose(read_image(path).data, image, atol=1)


@given(coder=st.sampled_from(list(CODERS)), kept=st.floats(0.02, 0.9))
@settings(max_examples=60, deadline=None)
def test_a_truncated_picture_is_refused(folder, coder, kept):
    coded = CODERS[coder](random_image((60, 50, 3), np.uint8))
    path = folder / "cut"
    path.write_bytes(coded[: int(len(coded) * kept)])
    refused(path)


STACK = random_image((5, 60, 70), np.uint16)
WRITERS = {
    "imagej": lambda path: write_image(path, STACK, "ZYX"),
    "ome": lambda path: write_image(path.with_suffix(".ome.tif"), STACK, "ZYX").rename(path),
    "tiled": lambda path: tifffile.imwrite(path, STACK, tile=(16, 16), compression="zlib"),
    "strips": lambda path: tifffile.imwrite(path, STACK, rowsperstrip=7, compression="lzw"),
    "plain": lambda path: tifffile.imwrite(path, STACK.astype(np.float64)),
    "bigtiff": lambda path: tifffile.imwrite(path, STACK, bigtiff=True, rowsperstrip=8),
}


@pytest.mark.parametrize("writer", list(WRITERS))
@pytest.mark.parametrize("kept", [0.01, 0.2, 0.5, 0.9, 0.98])
def test_a_truncated_tiff_is_refused(tmp_path, writer, kept):
    """tifffile alone would give fewer pages, or zeros, and a line in a log."""
    path = tmp_path / "stack.tif"
    WRITERS[writer](path)
    np.testing.assert_array_equal(read_image(path).data, STACK)
    coded = path.read_bytes()
    path.write_bytes(coded[: int(len(coded) * kept)])
    refused(path)


@given(at=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_damaged_tiff_gives_an_image_or_one_line(folder, at, byte):
    path = folder / "damaged.tif"
    tifffile.imwrite(path, STACK[0], photometric="minisblack", compression="zlib")
    coded = bytearray(path.read_bytes())
    coded[at] = byte
    path.write_bytes(coded)
    try:
        image = read_image(path, max_bytes=10**6)
    except FileReadError as error:
        message = str(error)
    else:
        message = f"{image.shape}"
    assert "\n" not in message


def test_cmyk_tiff_is_refused(tmp_path):
    path = tmp_path / "print.tif"
    tifffile.imwrite(path, random_image((9, 9, 4), np.uint8), photometric="separated")
    assert "CMYK" in refused(path)


def test_a_tiff_beyond_the_memory_limit_can_be_read_lazily_only(tmp_path):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, np.zeros((4, 500, 500), np.uint8), photometric="minisblack")
    with pytest.raises(FileReadError, match=r"large.tif: 4 x 500 x 500 .* 976.6 KiB"):
        read_image(path, max_bytes=10_000)
    assert read_image(path, lazy=True, max_bytes=300_000).shape == (4, 500, 500)
