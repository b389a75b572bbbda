"""``napari-sr upscale``: files in, larger files out, at the same place in the world."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

import napari_sr.inference as engine
from napari_sr.inference._tile_batch import TileBatchProcessor
from napari_sr.io import read_image, write_image
from tests.cli.conftest import colors, files, one_line

BICUBIC = ("-m", "bicubic")


def test_the_result_is_that_of_the_engine(run, picture, tmp_path):
    """The file contains what `napari_sr.upscale` returns."""
    target = tmp_path / "new" / "larger.tif"
    result = run("upscale", picture, "-o", target, "--scale", "2.5", "--tile", "8", *BICUBIC)
    assert result.exit_code == 0, result.stderr
    expected = engine.upscale(read_image(picture).data, 2.5, "bicubic")
    np.testing.assert_array_equal(read_image(target).data, expected)


def test_the_plan_and_a_summary_are_printed(run, picture, tmp_path):
    shown = run("upscale", picture, "-o", tmp_path / "x.png", *BICUBIC).stdout.splitlines()
    assert shown[0].startswith(f"[1/1] {picture} -> {tmp_path / 'x.png'}: bicubic x2, 20 x 24 x 3")
    assert shown[-1].startswith("1 done, ")


def test_nothing_is_written_in_a_dry_run(run, picture, tmp_path):
    result = run("upscale", picture, "-o", tmp_path / "x.png", "--dry-run", *BICUBIC)
    assert "40 x 48 x 3" in result.stdout
    assert "1 planned" in result.stdout
    assert files(tmp_path) == {"in/picture.png"}


def test_json_is_all_of_stdout(run, picture, tmp_path):
    found = json.loads(run("upscale", picture, "-o", tmp_path / "x.png", "--json", *BICUBIC).stdout)
    assert [each["status"] for each in found] == ["done"]
    assert found[0]["target"] == str(tmp_path / "x.png")
    assert "bicubic x2" in found[0]["plan"]


def test_a_bad_file_does_not_stop_a_folder(run, picture, tmp_path):
    """Names are kept, the bad file is named, the others are done, and the exit code is 1."""
    (picture.parent / "a-lie.png").write_bytes(b"not an image at all")
    (picture.parent / "sub").mkdir()
    write_image(picture.parent / "sub" / "z.tif", colors((9, 8), seed=1))
    result = run("upscale", picture.parent, "-o", tmp_path / "out", *BICUBIC)
    assert result.exit_code == 1
    assert "a-lie.png" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "2 done, 1 failed" in result.stdout
    assert files(tmp_path / "out") == {"picture.png", "sub/z.tif"}


@pytest.mark.parametrize("suffix", ["png", "tif", "ome.tif", "zarr"])
def test_finished_files_are_skipped(run, picture, tmp_path, suffix):
    """A second call changes nothing unless `--overwrite` is given."""
    target = tmp_path / f"out.{suffix}"
    call = ("upscale", picture, "-o", target, *BICUBIC)
    assert run(*call).exit_code == 0
    before = target.stat().st_mtime_ns
    again = run(*call)
    assert again.exit_code == 0
    assert "exists, skipped (--overwrite makes it again)" in again.stdout
    assert "1 skipped" in again.stdout
    assert target.stat().st_mtime_ns == before
    assert run(*call, "--overwrite").exit_code == 0
    assert target.stat().st_mtime_ns > before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-s", "3"), "was made with bicubic x2"),
        (("-m", "esr-tm"), "was made with bicubic x2"),
        (("--ensemble",), "was made with bicubic x2, without the ensemble"),
        (("--uncertainty",), "was made without the uncertainty"),
        (("--axes", "CYX"), "was made with bicubic x2, with axes ZYX"),
        (("--isotropic", "--z-spacing", "2"), "was made with bicubic x2, with Z enlarged 1 times"),
    ],
)
def test_files_made_with_other_options_are_neither_skipped_nor_changed(
    run, tmp_path, options, message
):
    source = write_image(tmp_path / "a.tif", colors((3, 16, 12)), "ZYX")
    target = tmp_path / "b.tif"
    call = ("upscale", source, "-o", target, *BICUBIC)
    assert run(*call).exit_code == 0
    before = target.read_bytes()
    again = run(*call, *options)
    assert again.exit_code == 1
    assert one_line(again) == f"error: {target}: {message}; --overwrite replaces it"
    assert "1 failed" in again.stdout
    assert target.read_bytes() == before
    assert run(*call, *options, "--overwrite").exit_code == 0
    assert run(*call, *options).exit_code == 0


def test_a_file_made_from_another_image_is_not_skipped(run, tmp_path):
    for name in ("a.tif", "b.tif"):
        write_image(tmp_path / name, colors((8, 8)))
    assert run("upscale", tmp_path / "a.tif", "-o", tmp_path / "o.tif", *BICUBIC).exit_code == 0
    again = run("upscale", tmp_path / "b.tif", "-o", tmp_path / "o.tif", *BICUBIC)
    assert again.exit_code == 1
    assert "was made with bicubic x2, from a.tif" in one_line(again)


def test_pictures_without_a_record_are_compared_by_size(run, picture, tmp_path):
    """A picture of another size, a file that is no picture, and a TIFF of another program are not skipped."""
    target = tmp_path / "o.png"
    call = ("upscale", picture, "-o", target, *BICUBIC)
    assert run(*call).exit_code == 0
    again = run(*call, "-s", "3")
    assert again.exit_code == 1
    assert "exists with 40 x 48 pixels; --overwrite replaces it" in one_line(again)
    target.write_bytes(b"mine")
    assert "exists and cannot be read" in one_line(run(*call))
    assert target.read_bytes() == b"mine"
    foreign = write_image(tmp_path / "o.tif", colors((40, 48, 3)))
    again = run("upscale", picture, "-o", foreign, *BICUBIC)
    assert "exists and does not say how it was made" in one_line(again)


def test_options_are_checked_before_files_are_skipped(run, picture, tmp_path):
    call = ("upscale", picture, "-o", tmp_path / "o.png", *BICUBIC)
    assert run(*call).exit_code == 0
    for wrong in (("--device", "cuda:77"), ("--precision", "int3"), ("--axes", "ZYX")):
        assert run(*call, *wrong).exit_code == 1


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr"])
def test_the_file_contains_a_record_of_the_run(run, picture, tmp_path, name):
    run("upscale", picture, "-o", tmp_path / name, "--scale", "3", *BICUBIC)
    record = read_image(tmp_path / name).metadata["napari_sr"]
    assert (record["source"], record["model"]) == ("picture.png", "bicubic")
    assert record["scale"] == [3, 3]


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_pixel_size_and_position_are_kept(run, tmp_path, suffix):
    """Pixels become smaller, and each block of them lies where its pixel lay."""
    source = tmp_path / f"a{suffix}"
    write_image(
        source,
        np.arange(2 * 6 * 8, dtype=np.uint16).reshape(2, 6, 8),
        "ZYX",
        scale=(2.0, 0.5, 0.25),
        translation=(0.0, 10.0, 20.0),
        units=("micrometer",) * 3,
    )
    before = read_image(source)
    result = run("upscale", source, "-o", tmp_path / "out", "--scale", "3", *BICUBIC)
    assert result.exit_code == 0, result.stderr
    image = read_image(tmp_path / "out" / source.name)
    assert image.axes == "ZYX"
    assert image.units == before.units
    assert image.scale == pytest.approx((2.0, 0.5 / 3, 0.25 / 3))
    for axis in "YX":
        # Mean world position of the first three output pixels: the first input pixel's.
        first = image.position_along(axis) + image.size_along(axis)
        assert first == pytest.approx(before.position_along(axis), abs=1e-6)


def test_two_scales_and_axes(run, tmp_path):
    """Axes of the file are replaced; the pixel size of an axis follows its letter."""
    source = write_image(
        tmp_path / "a.tif", colors((3, 6, 8)), "ZYX", scale=(2, 1, 1), units=("micrometer",) * 3
    )
    target = tmp_path / "b.ome.tif"
    result = run("upscale", source, "-o", target, "-s", "2,3", "--axes", "cyx", *BICUBIC)
    assert result.exit_code == 0, result.stderr
    image = read_image(target)
    assert (image.axes, image.shape) == ("CYX", (3, 12, 24))
    assert image.scale == pytest.approx((1, 1 / 2, 1 / 3))


def test_stacks_and_types_are_kept(run, tmp_path):
    stack = np.random.default_rng(0).normal(1000, 100, (2, 3, 7, 6)).astype(np.float32)
    stack[0, 0, 3, 3] = np.nan
    source = write_image(tmp_path / "a.tif", stack, "TZYX")
    assert run("upscale", source, "-o", tmp_path / "b.tif", *BICUBIC).exit_code == 0
    image = read_image(tmp_path / "b.tif")
    np.testing.assert_array_equal(image.data, engine.upscale(stack, 2, "bicubic", "TZYX"))
    assert np.isnan(image.data).any()


def test_only_the_first_of_several_images_is_upscaled_with_a_warning(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as tif:
        tif.write(colors((8, 8)), photometric="minisblack")
        tif.write(colors((5, 6)), photometric="minisblack")
    result = run("upscale", tmp_path / "two.tif", "-o", tmp_path / "b.tif", *BICUBIC)
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: ")
    assert "holds 2 images; only the first is upscaled" in result.stderr
    assert read_image(tmp_path / "b.tif").shape == (16, 16)


def test_a_given_range_is_used(run, tmp_path):
    source = write_image(tmp_path / "a.tif", colors((8, 8)).astype(np.uint16))
    call = (
        "upscale",
        source,
        "-o",
        tmp_path / "b.tif",
        "--range",
        "0,4095",
        "--overwrite",
        *BICUBIC,
    )
    assert run(*call).exit_code == 0
    for wrong in ("0", "a,b", "1,2,3"):
        assert run(*(each if each != "0,4095" else wrong for each in call)).exit_code == 2
    assert "rising" in run(*(each if each != "0,4095" else "5,5" for each in call)).stderr


def test_writing_fails_before_the_work(run, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A JPEG cannot hold 16 bits, which is found before the run."""

    def never(*_: object) -> None:
        raise AssertionError("the engine ran")

    monkeypatch.setattr(TileBatchProcessor, "enlarge", never)
    source = write_image(tmp_path / "a.tif", colors((8, 8)).astype(np.uint16))
    result = run("upscale", source, "-o", tmp_path / "b.jpg", *BICUBIC)
    assert result.exit_code == 1
    assert "b.jpg" in result.stderr
    assert files(tmp_path) == {"a.tif"}
