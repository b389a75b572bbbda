"""Each bad input gives one clear line and a non-zero exit code; nothing is changed or half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr

from napari_sr.io import read_image, write_image
from tests.cli.conftest import colors, files, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def refused(run: Callable[..., Result], tmp_path: Path) -> Callable[..., str]:
    """A function that upscales an input that must be refused; returns the error line."""

    def call(source: Path, *options: str, out: str = "out", model: str | Path = "bicubic") -> str:
        before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
        result = run("upscale", source, "-o", tmp_path / out, "-m", model, *options)
        assert result.exit_code == 1, result.output
        assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
        return one_line(result)

    return call


def test_empty_file(refused, tmp_path):
    (tmp_path / "empty.png").touch()
    assert "empty.png" in refused(tmp_path / "empty.png")


@pytest.mark.parametrize("shape", [(0, 8), (8, 0), (0, 8, 8)])
def test_a_side_of_zero(refused, tmp_path, shape):
    zarr.create_array(tmp_path / "none.zarr", shape=shape, dtype="uint8")
    assert "none.zarr" in refused(tmp_path / "none.zarr")


def test_one_pixel_is_enough(run, tmp_path):
    source = write_image(tmp_path / "dot.png", np.array([[7]], np.uint8))
    assert run("upscale", source, "-o", tmp_path / "out.png", "-m", "bicubic").exit_code == 0
    np.testing.assert_array_equal(read_image(tmp_path / "out.png").data, np.full((2, 2), 7))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinities_stay_in_place(run, tmp_path, value):
    image = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    image[2, 5] = value
    source = write_image(tmp_path / "a.tif", image)
    assert run("upscale", source, "-o", tmp_path / "b.tif", "-m", "bicubic").exit_code == 0
    found = np.asarray(read_image(tmp_path / "b.tif").data)
    expected = np.zeros((16, 16), bool)
    expected[4:6, 10:12] = True
    np.testing.assert_array_equal(~np.isfinite(found), expected)


def test_complex_numbers(refused, tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", np.ones((8, 8), np.complex64))
    assert "complex64" in refused(tmp_path / "c.tif")


@pytest.mark.parametrize("scale", ["0.5", "0", "-2", "nan", "inf", "2,nan"])
def test_impossible_scales(refused, picture, scale):
    assert "at least 1" in refused(picture, f"--scale={scale}")


def test_a_scale_that_is_no_number_is_wrong_use(run, picture, tmp_path):
    for scale in ("two", "1,2,3", ""):
        result = run("upscale", picture, "-o", tmp_path / "out", f"--scale={scale}")
        assert result.exit_code == 2
        assert "--scale takes a number" in result.stderr


@pytest.mark.parametrize("tile", ["0", "-4", "8,8,8", "big", "1.5"])
def test_an_impossible_tile_is_wrong_use(run, picture, tmp_path, tile):
    result = run("upscale", picture, "-o", tmp_path / "out", f"--tile={tile}", "-m", "bicubic")
    assert result.exit_code == 2
    assert "--tile takes auto" in result.stderr


def test_unknown_model(refused, picture):
    assert "bicubic" in refused(picture, model="bicubix")


def test_missing_weights(refused, picture, tmp_path):
    assert "gone.safetensors" in refused(picture, model=tmp_path / "gone.safetensors")


def test_truncated_weights(refused, picture, tmp_path, shared):
    whole = shared / "checkpoints" / "esr" / "eSR-MAX_s2_K7_C13.model"
    (tmp_path / "half.pth").write_bytes(whole.read_bytes()[:5000])
    assert "half.pth" in refused(picture, model=tmp_path / "half.pth")


def test_unknown_device(refused, picture):
    assert "cuda:77" in refused(picture, "--device", "cuda:77")


def test_unknown_precision(refused, picture):
    assert "int3" in refused(picture, "--precision", "int3")


@pytest.mark.parametrize("axes", ["XY", "YY", "ZYX", "TZYXS", "Y1S"])
def test_axes_that_do_not_fit(refused, picture, axes):
    assert "axes" in refused(picture, "--axes", axes).lower()


def test_unreadable_files(refused, tmp_path, picture):
    assert "nowhere.png" in refused(tmp_path / "nowhere.png")
    (tmp_path / "text.tif").write_text("II*\0 and then nothing of the kind")
    assert "text.tif" in refused(tmp_path / "text.tif")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:-200])
    assert "cut.png" in refused(tmp_path / "cut.png")


def test_a_header_with_an_absurd_size(refused, tmp_path, picture):
    """A PNG that claims 60 000 x 60 000 x 3 pixels must not be believed."""
    coded = bytearray(picture.read_bytes())
    coded[16:24] = (60000).to_bytes(4, "big") * 2
    (tmp_path / "lie.png").write_bytes(coded)
    assert "lie.png" in refused(tmp_path / "lie.png")


def test_an_output_that_cannot_be_written(refused, tmp_path, picture):
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in refused(picture, out="file/out.png")
    (tmp_path / "folder.png" / "inside").mkdir(parents=True)
    (tmp_path / "folder.png" / "inside" / "x").touch()
    assert "folder.png" in refused(picture, "--overwrite", out="folder.png/inside/x/y.png")


def test_a_format_that_cannot_hold_the_image(refused, tmp_path):
    stack = write_image(tmp_path / "stack.tif", colors((5, 8, 8)), "ZYX")
    assert "not a stack" in refused(stack, out="a.png")
    assert "cannot write .gif" in refused(stack, out="a.gif")
