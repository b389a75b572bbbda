"""Every file that the program writes records what happened in the run, in particular how many pixels were replaced."""

from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest

from napari_sr.batch import _file
from napari_sr.inference import _blockwise
from napari_sr.io import read_image, write_image
from napari_sr.io.zarr import _save
from tests.cli.conftest import one_line

NOISE = np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
"""An image on which the output of ecbsr is rejected at three pixels at x2."""
REPLACED = {"pixels": 3, "why": {"far outside the range": 3}}


@pytest.fixture
def small_blocks(monkeypatch):
    """Results are computed in several blocks, each of which is written by itself."""
    monkeypatch.setattr(_blockwise, "BLOCK", 48)
    monkeypatch.setattr(_save, "REGION_BYTES", 1)
    monkeypatch.setattr("napari_sr.io.tiff._write.LAZY_BYTES", 0)


def upscaled(run, source, target, *options):
    """Upscale a file; returns the record that the result contains."""
    result = run("upscale", source, "-o", target, "-m", "ecbsr", *options)
    assert result.exit_code == 0, result.stderr
    assert "bicubic replaces ecbsr at 3 pixels" in one_line(result, "warning: ")
    return read_image(target).metadata["napari_sr"]


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr"])
def test_replaced_pixels_are_recorded_in_every_format(run, tmp_path, name):
    source = write_image(tmp_path / "in.png", NOISE)
    record = upscaled(run, source, tmp_path / name)
    assert record["replaced"] == REPLACED
    assert record["remarks"] == [record["remarks"][0]]
    assert record["seconds"] > 0
    assert "computed" not in record


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr"])
def test_replaced_pixels_of_lazy_images_are_recorded(run, tmp_path, name, small_blocks):
    source = write_image(tmp_path / "in.zarr", da.from_array(NOISE, chunks=(50, 200)))
    assert upscaled(run, source, tmp_path / name)["replaced"] == REPLACED


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr"])
def test_replaced_pixels_of_large_results_are_recorded(
    run, tmp_path, name, small_blocks, monkeypatch
):
    """They are computed and written block by block, though the source is in memory."""
    monkeypatch.setattr(_file, "LARGE", 0)
    source = write_image(tmp_path / "in.png", NOISE)
    assert upscaled(run, source, tmp_path / name)["replaced"] == REPLACED


def test_replaced_pixels_are_recorded_beside_the_uncertainty(run, tmp_path):
    source = write_image(tmp_path / "in.png", NOISE[:100])
    call = ("upscale", source, "-o", tmp_path / "out.tif", "-m", "ecbsr", "--uncertainty")
    assert run(*call).exit_code == 0
    result, deviation = (
        read_image(tmp_path / name).metadata["napari_sr"]
        for name in ("out.tif", "out-uncertainty.tif")
    )
    assert result == deviation
    assert result["ensemble"]
    assert result["replaced"]["pixels"] > 0


def test_json_contains_the_record(run, tmp_path):
    """Also that of pictures, whose formats cannot hold one."""
    source = write_image(tmp_path / "in.png", NOISE)
    call = ("upscale", source, "-o", tmp_path / "out.png", "-m", "ecbsr", "--json")
    (outcome,) = json.loads(run(*call).stdout)
    assert outcome["record"]["replaced"] == REPLACED
    assert outcome["messages"] == outcome["record"]["remarks"]


def test_the_record_of_an_earlier_run_is_kept_as_previous(run, tmp_path):
    source = write_image(tmp_path / "in.png", NOISE)
    once = upscaled(run, source, tmp_path / "once.tif")
    call = ("upscale", tmp_path / "once.tif", "-o", tmp_path / "twice.tif", "-m", "bicubic")
    assert run(*call).exit_code == 0
    assert read_image(tmp_path / "twice.tif").metadata["napari_sr"]["previous"] == once
