"""All frames of an animation are read, and formats that only some programs know."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_sr.errors import FileReadError
from napari_sr.io import read_image, write_image

from .conftest import random_image


def frames(count=3, shape=(20, 30, 3)):
    """Pictures of few colors, which a palette can hold."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    base = np.stack([(y // 5) * 50, (x // 10) * 80, (x // 15) * 100], axis=-1).astype(np.uint8)
    return np.stack([np.roll(base, 4 * i, axis=1) for i in range(count)])


def saved(path, data, **options):
    first, *others = [Image.fromarray(frame) for frame in data]
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".gif", {}), (".png", {}), (".webp", {"lossless": True, "exact": True})],
)
def test_frames_become_an_axis_of_time(tmp_path, suffix, options):
    data = frames()
    read = read_image(saved(tmp_path / f"a{suffix}", data, duration=40, **options))
    assert read.axes == "TYXS"
    np.testing.assert_array_equal(read.data, data)
    assert (read.scale[0], read.units[0]) == (0.04, "second")


def test_frames_of_uneven_durations_have_no_time_step(tmp_path):
    read = read_image(saved(tmp_path / "a.gif", frames(), duration=[40, 80, 40]))
    assert (read.scale[0], read.units[0]) == (1, "pixel")


def test_a_single_gif_is_a_picture_and_gray_stays_gray(tmp_path):
    color = frames()[0]
    Image.fromarray(color).save(tmp_path / "c.gif")
    read = read_image(tmp_path / "c.gif")
    assert read.axes == "YXS"
    np.testing.assert_array_equal(read.data, color)
    gray = random_image((9, 11), np.uint8)
    Image.fromarray(gray).save(tmp_path / "g.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "g.gif").data, gray)


def test_transparency_of_a_gif_is_kept(tmp_path):
    data = np.dstack([frames()[0], np.full((20, 30), 255, np.uint8)])
    data[:5, :5, 3] = 0
    Image.fromarray(data).save(tmp_path / "t.gif")
    read = read_image(tmp_path / "t.gif").data
    assert read.shape == (20, 30, 4)
    np.testing.assert_array_equal(read[..., 3] == 0, data[..., 3] == 0)


def test_the_memory_limit_counts_all_frames(tmp_path):
    path = saved(tmp_path / "a.gif", frames(10))
    with pytest.raises(FileReadError, match=r"a\.gif: 20 x 30"):
        read_image(path, max_bytes=20 * 30 * 4 * 9)
    assert read_image(path, max_bytes=20 * 30 * 4 * 10).shape == (10, 20, 30, 3)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_animation_is_refused(tmp_path, suffix, kept):
    noise = random_image((3, 40, 50, 3), np.uint8)
    path = saved(tmp_path / f"a{suffix}", noise, lossless=True)
    coded = path.read_bytes()
    path.write_bytes(coded[: int(len(coded) * kept)])
    with pytest.raises(FileReadError, match="a") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_an_animation_can_be_saved_as_a_stack(tmp_path):
    read = read_image(saved(tmp_path / "a.gif", frames(), duration=40))
    again = read_image(write_image(tmp_path / "a.ome.tif", read))
    np.testing.assert_array_equal(again.data, read.data)
    assert (again.scale[0], again.units[0]) == (0.04, "second")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30, 4), (20, 30)])
def test_avif_is_decoded_as_by_imagecodecs(tmp_path, dtype, shape):
    image = (random_image(shape, np.uint8) // 2).astype(dtype)
    bits = {"bitspersample": 10} if dtype == np.uint16 else {}
    coded = bytes(imagecodecs.avif_encode(image, level=100, **bits))
    (tmp_path / "a.avif").write_bytes(coded)
    read = read_image(tmp_path / "a.avif").data
    expected = np.asarray(imagecodecs.avif_decode(coded))
    assert read.dtype == dtype
    np.testing.assert_array_equal(np.squeeze(read), np.squeeze(expected))
