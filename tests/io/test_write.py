"""Every pixel value is kept, or the file is refused; a target is replaced completely or left alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import io as skio

from napari_sr import _files
from napari_sr.errors import FileWriteError
from napari_sr.io import WRITABLE_SUFFIXES, read_image, write_image

from .conftest import images, random_image

LOSSLESS = st.sampled_from([".png", ".tif", ".ome.tif"])


@given(image=images([np.uint8, np.uint16], samples=(1, 3, 4)), suffix=LOSSLESS)
@settings(max_examples=40, deadline=None)
def test_others_read_the_pixels_that_were_written(folder, image, suffix):
    path = write_image(folder / f"out{suffix}", image, "YX" if image.ndim == 2 else "YXS")
    if suffix == ".png":  # Pillow, and so scikit-image, reads no more than 8 bits of colors
        bgr = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        theirs = bgr if image.ndim == 2 else bgr[..., [2, 1, 0, 3][: image.shape[2]]]
    else:
        theirs = skio.imread(path).reshape(image.shape)
    np.testing.assert_array_equal(theirs, image)
    read = read_image(path)
    np.testing.assert_array_equal(read.data, image)
    assert read.dtype == image.dtype


@given(image=images([np.uint8], samples=(3, 4)))
@settings(max_examples=20, deadline=None)
def test_webp_is_lossless_unless_a_quality_is_given(folder, image):
    path = write_image(folder / "out.webp", image, "YXS")
    kept = np.asarray(Image.open(path).convert("RGBA"))
    np.testing.assert_array_equal(kept[..., : image.shape[2]], image)


def test_higher_quality_makes_larger_files(folder):
    image = random_image((80, 80, 3), np.uint8)
    for suffix in (".jpg", ".webp"):
        sizes = [
            write_image(folder / f"q{suffix}", image, quality=q).stat().st_size
            for q in (10, 60, 100)
        ]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 2


def test_jpeg_keeps_color_at_full_resolution(folder):
    """One-pixel stripes of red and blue: with halved color they would come out purple."""
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, ::2, 0] = image[:, 1::2, 2] = 255
    read = read_image(write_image(folder / "stripes.jpg", image)).data
    assert np.abs(read.astype(int) - image).max() < 60


def test_a_mask_is_written_as_black_and_white(folder):
    mask = random_image((9, 10), bool)
    read = read_image(write_image(folder / "mask.png", mask)).data
    np.testing.assert_array_equal(read, np.where(mask, 255, 0))


@pytest.mark.parametrize(
    ("suffix", "dtype", "use"),
    [
        (".png", np.float32, ".tif"),
        (".png", np.int16, ".tif"),
        (".png", np.uint32, ".tif"),
        (".jpg", np.uint16, ".png or .tif"),
        (".webp", np.float64, ".tif"),
        (".ome.tif", np.int64, ".tif"),
    ],
)
def test_a_format_without_the_dtype_is_refused_and_another_one_named(tmp_path, suffix, dtype, use):
    image = np.ones((4, 5), dtype)
    with pytest.raises(FileWriteError, match=f"save as {use}") as caught:
        write_image(tmp_path / f"out{suffix}", image)
    assert str(np.dtype(dtype)) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    fitting = tmp_path / f"out{use.split()[-1]}"
    np.testing.assert_array_equal(read_image(write_image(fitting, image)).data, image)


@pytest.mark.parametrize(
    ("name", "shape", "axes", "says"),
    [
        ("stack.png", (3, 4, 5), "ZYX", "one picture, not a stack"),
        ("long.webp", (1, 16384), "YX", "16383 pixels"),
        ("long.jpg", (65536, 1), "YX", "65535 pixels"),
        ("clear.jpg", (4, 5, 4), "YXS", "no transparency"),
        ("none.png", (0, 5), "YX", "no pixels"),
        ("image.docx", (4, 5), "YX", "cannot write .docx"),
        ("image", (4, 5), "YX", "no suffix"),
        ("many.zarr", (2, 2, 2, 4, 5), "QTZYX", "OME-Zarr holds axes"),
    ],
)
def test_the_error_says_what_a_format_cannot_hold(tmp_path, name, shape, axes, says):
    with pytest.raises(FileWriteError, match=says) as caught:
        write_image(tmp_path / name, np.zeros(shape, np.uint8), axes)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_opaque_alpha_and_axes_of_length_one_are_dropped(folder):
    image = random_image((1, 6, 7, 4), np.uint8)
    image[..., 3] = 255
    assert read_image(write_image(folder / "a.jpg", image, "TYXS")).shape == (6, 7, 3)
    np.testing.assert_array_equal(
        read_image(write_image(folder / "a.png", image, "TYXS")).data, image[0]
    )
    turned = np.moveaxis(image[0], -1, 0)
    with pytest.raises(ValueError, match="must come last"):
        write_image(folder / "a.png", turned, "SYX")


def failing_replace(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".ome.tif"])
def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = write_image(tmp_path / f"keep{suffix}", np.zeros((5, 5), np.uint8))
    before = path.read_bytes()
    monkeypatch.setattr(_files.os, "replace", failing_replace)
    with pytest.raises(FileWriteError, match="No space left on device"):
        write_image(path, np.ones((5, 5), np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_the_error_names_a_missing_folder(tmp_path, suffix):
    with pytest.raises(FileWriteError, match="does not exist"):
        write_image(tmp_path / "nowhere" / f"x{suffix}", np.zeros((5, 5), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder closed even to root")
@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_the_error_names_an_unwritable_target(suffix):
    with pytest.raises(FileWriteError, match=r"/proc/self/x.* cannot be written"):
        write_image(Path("/proc/self") / f"x{suffix}", np.zeros((5, 5), np.uint8))


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_a_file_cannot_be_a_folder(tmp_path, suffix):
    """An obstacle for root, too, whom permissions do not stop."""
    (tmp_path / "file").touch()
    with pytest.raises(FileWriteError):
        write_image(tmp_path / "file" / f"x{suffix}", np.zeros((5, 5), np.uint8))
