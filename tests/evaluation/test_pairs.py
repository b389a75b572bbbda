"""Originals are matched with their small images, and both are cut to fit pixel for pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from napari_sr.errors import FileReadError, InputError
from napari_sr.evaluation import (
    Pair,
    cut_and_shrink,
    find_pairs,
    read_grey,
    read_pair,
    read_rgb,
)

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, shape: tuple[int, ...] = (12, 16, 3), dtype: str = "uint8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    top = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, top, shape).astype(dtype)
    cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize(
    "name", ["bird.png", "birdx2.png", "bird_x2.png", "BIRDX2.PNG", "bird-X2.bmp", "bird_LR_x2.png"]
)
def test_small_image_is_found_by_any_usual_name(tmp_path, name):
    hr = write(tmp_path / "hr" / "bird.png")
    lr = write(tmp_path / "lr" / name, (6, 8, 3))
    write(tmp_path / "lr" / "birdx4.png", (3, 4, 3))
    write(tmp_path / "lr" / "birds.png", (6, 8, 3))
    assert find_pairs(tmp_path / "hr", 2, tmp_path / "lr") == (Pair("bird", hr, lr),)


def test_names_that_end_in_hr_and_lr_match(tmp_path):
    hr = write(tmp_path / "hr" / "img_001_HR.png")
    lr = write(tmp_path / "lr" / "img_001_LR.png", (6, 8, 3))
    assert find_pairs(tmp_path / "hr", 2, tmp_path / "lr") == (Pair("img_001_HR", hr, lr),)


def test_subfolder_of_the_scale_is_searched(tmp_path):
    hr = write(tmp_path / "hr" / "bird.png")
    write(tmp_path / "lr" / "X4" / "birdx4.png", (3, 4, 3))
    lr = write(tmp_path / "lr" / "X2" / "birdx2.png", (6, 8, 3))
    assert find_pairs(hr, 2, tmp_path / "lr")[0].lr == lr


def test_missing_or_ambiguous_small_image_is_an_error(tmp_path):
    write(tmp_path / "hr" / "bird.png")
    write(tmp_path / "lr" / "cat.png")
    with pytest.raises(
        InputError, match=r"bird\.png needs one small image of its name, found none"
    ):
        find_pairs(tmp_path / "hr", 2, tmp_path / "lr")
    write(tmp_path / "lr" / "birdx2.png")
    write(tmp_path / "lr" / "bird_x2.png")
    with pytest.raises(InputError, match=r"found bird_x2\.png, birdx2\.png"):
        find_pairs(tmp_path / "hr", 2, tmp_path / "lr")


def test_missing_originals_are_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(InputError, match="no images"):
        find_pairs(tmp_path, 2)
    with pytest.raises(InputError, match="no such file or folder"):
        find_pairs(tmp_path / "absent", 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_original_is_cut_to_multiples_of_the_scale(tmp_path, scale):
    """Pixels are cut off at the lower right, as ``modcrop`` of the published scripts does."""
    path = write(tmp_path / "odd.png", (25, 31, 3))
    hr, lr = read_pair(Pair("odd", path), scale)
    assert hr.shape == (25 // scale * scale, 31 // scale * scale, 3)
    assert lr.shape == (25 // scale, 31 // scale, 3)
    np.testing.assert_array_equal(hr, read_rgb(path)[: hr.shape[0], : hr.shape[1]])


def test_sizes_that_do_not_fit_are_an_error(tmp_path):
    hr, lr = write(tmp_path / "a.png", (12, 16, 3)), write(tmp_path / "b.png", (5, 8, 3))
    with pytest.raises(InputError, match=r"b\.png is 8 x 5 pixels, which times 2 is not a\.png's"):
        read_pair(Pair("a", hr, lr), 2)


def test_original_smaller_than_the_scale_is_refused():
    with pytest.raises(InputError, match="too small to be reduced 4 times"):
        cut_and_shrink(np.zeros((3, 40, 3), np.uint8), 4)


def test_channels_are_rgb_without_alpha(tmp_path):
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((2, 2, 4), (1, 2, 250, 128), np.uint8))
    np.testing.assert_array_equal(read_rgb(path), np.full((2, 2, 3), (250, 2, 1), np.uint8))


def test_gray_image_becomes_rgb(tmp_path):
    image = read_rgb(write(tmp_path / "grey.png", (4, 5)))
    assert image.shape == (4, 5, 3)
    assert np.ptp(image, axis=2).max() == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_gray_image_of_any_type_is_read_unchanged(tmp_path, dtype):
    image = np.random.default_rng(0).integers(0, 200, (4, 5)).astype(dtype)
    for name, stored in (("one.png", image), ("three.tif", np.repeat(image[..., None], 3, 2))):
        cv2.imwrite(str(tmp_path / name), stored)
        found = read_grey(tmp_path / name)
        np.testing.assert_array_equal(found, image)
        assert found.dtype == dtype
    with pytest.raises(FileReadError, match="has colors"):
        read_grey(write(tmp_path / "color.png"))


def test_files_that_are_not_8_bit_images_are_refused(tmp_path):
    with pytest.raises(FileReadError, match="needs 8 bits a channel, not uint16"):
        read_rgb(write(tmp_path / "deep.png", (4, 5), "uint16"))
    (tmp_path / "lie.png").write_bytes(b"this is text")
    with pytest.raises(FileReadError, match="not an image, or damaged"):
        read_rgb(tmp_path / "lie.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(FileReadError, match="not an image, or damaged"):
        read_rgb(tmp_path / "empty.png")
    with pytest.raises(FileReadError, match="No such file"):
        read_rgb(tmp_path / "absent.png")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reductions_equal_those_of_matlab(shared, scale):
    """Bit for bit the small images of Set5, which MATLAB made."""
    folder = shared / "data" / "benchmarks" / "Set5"
    for made, given in zip(
        find_pairs(folder / "HR", scale),
        find_pairs(folder / "HR", scale, folder / "LR_bicubic"),
        strict=True,
    ):
        np.testing.assert_array_equal(read_pair(made, scale)[1], read_pair(given, scale)[1])
