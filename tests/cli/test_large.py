"""Large images are processed in blocks, with the same result."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sr.batch import _file
from napari_sr.cli import _upscale
from napari_sr.inference import _blockwise, upscale
from napari_sr.io import read_image, write_image
from napari_sr.io.zarr import _save
from tests.cli.conftest import colors, files

BICUBIC = ("-m", "bicubic")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Small blocks, each of which is written by itself."""
    monkeypatch.setattr(_blockwise, "BLOCK", 24)
    monkeypatch.setattr(_save, "REGION_BYTES", 1)


@pytest.fixture
def stack(tmp_path):
    """An OME-Zarr with axes, pixel size and place."""
    image = np.random.default_rng(0).integers(0, 4096, (2, 72, 48)).astype(np.uint16)
    return write_image(
        tmp_path / "in.zarr",
        image,
        "ZYX",
        scale=(2.0, 0.5, 0.5),
        translation=(0.0, 3.0, 4.0),
        units=("micrometer",) * 3,
    )


def test_zarr_becomes_zarr(run, stack, tmp_path):
    result = run("upscale", stack, "-o", tmp_path / "out.zarr", "-s", "2.5", *BICUBIC)
    assert result.exit_code == 0, result.stderr
    image, before = read_image(tmp_path / "out.zarr"), read_image(stack)
    expected = upscale(np.asarray(before.data), 2.5, "bicubic", before.axes)
    np.testing.assert_array_equal(image.data, expected)
    assert image.scale == pytest.approx((2.0, 0.2, 0.2))
    # (1 / 2.5 - 1) / 2 of a pixel of 0.5 micrometers
    assert image.translation == pytest.approx((0.0, 3.0 - 0.15, 4.0 - 0.15))
    assert image.units == before.units


@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif", "out.zarr"])
def test_a_large_result_is_written_by_blocks(run, tmp_path, monkeypatch, name):
    source = write_image(tmp_path / "in.png", colors((70, 60, 3)))
    expected = upscale(read_image(source).data, 2, "bicubic")
    monkeypatch.setattr(_file, "LARGE", 0)
    result = run("upscale", source, "-o", tmp_path / name, "--tile", "16", *BICUBIC)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(read_image(tmp_path / name).data, expected)


def test_an_interrupted_ome_zarr_is_resumed(run, stack, tmp_path, monkeypatch):
    """After an interruption at the fourth of six blocks, the next run makes the other two."""
    monkeypatch.setattr(_save, "THREADS", 1)  # so that no further block is being made
    target, made = tmp_path / "out.zarr", []

    class Interrupting:
        def __enter__(self):
            return self.step

        def __exit__(self, *_):
            return None

        def step(self, done, total):
            made.append(total)
            if limit and done > limit:
                raise KeyboardInterrupt

    monkeypatch.setattr(_upscale, "progress_bar", lambda _: Interrupting())
    limit = 3
    assert run("upscale", stack, "-o", target, *BICUBIC).exit_code == 130
    assert not target.exists()
    limit, made[:] = 0, []
    assert run("upscale", stack, "-o", target, *BICUBIC).exit_code == 0
    assert made == [6] * 2
    image = read_image(stack)
    np.testing.assert_array_equal(
        read_image(target).data, upscale(np.asarray(image.data), 2, "bicubic", image.axes)
    )
    assert not any(name.startswith("out.zarr.partial") for name in files(tmp_path))
