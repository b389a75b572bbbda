"""TIFFs of other programs are read with their axes, pixel size, colors and values."""

from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_sr.errors import FileReadError
from napari_sr.io import read_image
from napari_sr.io.tiff._lazy import BLOCK_BYTES, TiffBlocks

from .conftest import random_image


def written(folder, data, **options):
    path = folder / "other.tif"
    tifffile.imwrite(path, data, **options)
    return path


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [("micron", "micrometer"), ("um", "micrometer"), (r"\u00B5m", "micrometer"),
     ("nm", "nanometer"), ("inch", "inch"), ("pixel", "pixel"), ("", "pixel")],
)  # fmt: skip
def test_imagej_units_are_understood(folder, spelling, unit):
    path = written(
        folder,
        random_image((4, 8, 9), np.uint16),
        imagej=True,
        resolution=(1 / 0.107, 1 / 0.25),
        metadata={"axes": "ZYX", "unit": spelling, "spacing": 0.7},
    )
    read = read_image(path)
    assert read.axes == "ZYX"
    assert read.scale == pytest.approx((0.7, 0.25, 0.107), rel=1e-6)
    assert read.units == (unit,) * 3


@pytest.mark.parametrize(
    ("unit", "resolution", "um"),
    [
        ("CENTIMETER", 2e4, 0.5),
        ("INCH", 25400 / 0.65, 0.65),
        ("INCH", 300, None),  # a printer's
        ("INCH", 72, None),  # a screen's
        ("NONE", 2, None),
    ],
)
def test_resolution_tags_are_ignored_unless_they_measure_the_specimen(folder, unit, resolution, um):
    image = random_image((8, 9), np.uint8)
    path = written(
        folder, image, photometric="minisblack", resolution=(resolution,) * 2, resolutionunit=unit
    )
    read = read_image(path)
    # A resolution tag is a ratio of two integers, which older releases of tifffile keep small.
    assert read.scale == pytest.approx((um or 1,) * 2, rel=1e-5)
    assert read.units == ("micrometer" if um else "pixel",) * 2


@given(
    size=st.floats(1e-3, 1e3),
    unit=st.sampled_from([("nm", "nanometer"), ("µm", "micrometer"), ("mm", "millimeter")]),
)
@settings(max_examples=20, deadline=None)
def test_ome_sizes_are_exact(folder, size, unit):
    path = folder / "size.ome.tif"
    metadata = {
        "axes": "TCYX",
        "PhysicalSizeX": size,
        "PhysicalSizeXUnit": unit[0],
        "PhysicalSizeY": size / 3,
        "TimeIncrement": 2.5,
        "TimeIncrementUnit": "min",
        "Plane": {"PositionX": [1e5] * 6, "PositionXUnit": ["µm"] * 6},
    }
    tifffile.imwrite(path, random_image((3, 2, 8, 9), np.uint8), ome=True, metadata=metadata)
    read = read_image(path)
    assert read.scale == (2.5, 1, size / 3, size)
    assert read.units == ("minute", "pixel", "micrometer", unit[1])
    # another program's stage position is where the microscope stood, not where the layer belongs
    assert read.translation == (0, 0, 0, 0)


def test_each_image_of_an_ome_file_can_be_read(folder):
    path = folder / "two.ome.tif"
    first, second = random_image((8, 9), np.uint8), random_image((3, 5, 6), np.uint16)
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(first, photometric="minisblack", metadata={"PhysicalSizeX": 2.0})
        tif.write(second, photometric="minisblack", metadata={"axes": "ZYX", "PhysicalSizeX": 3.0})
    assert read_image(path).metadata["series"] == 2
    np.testing.assert_array_equal(read_image(path).data, first)
    read = read_image(path, series=1)
    np.testing.assert_array_equal(read.data, second)
    assert (read.axes, read.scale) == ("ZYX", (1, 1, 3))
    with pytest.raises(FileReadError, match="holds 2 images"):
        read_image(path, series=2)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("samples", [3, 4])
def test_color_samples_come_last_however_they_are_stored(folder, planar, samples):
    image = random_image((2, 8, 9, samples), np.uint8)
    stored = image if planar == "contig" else np.moveaxis(image, -1, 1)
    read = read_image(written(folder, stored, photometric="rgb", planarconfig=planar))
    assert read.axes.endswith("YXS")
    np.testing.assert_array_equal(read.data, image)


def test_samples_other_than_colors_are_channels(folder):
    image = random_image((8, 9, 3), np.uint16)
    path = written(folder, image, photometric="minisblack", planarconfig="contig")
    read = read_image(path)
    assert read.axes == "YXC"
    np.testing.assert_array_equal(read.data, image)
    five = random_image((8, 9, 5), np.uint8)
    path = written(folder, five, photometric="rgb", planarconfig="contig")
    assert read_image(path).axes == "YXC"


def test_palettes_and_white_is_zero_are_converted(folder):
    image = Image.fromarray(random_image((8, 9, 3), np.uint8)).quantize(16)
    image.save(folder / "palette.tif")
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(folder / "palette.tif").data, expected)
    gray = random_image((8, 9), np.uint8)
    path = written(folder, 255 - gray, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).data, gray)


def test_an_imagej_lookup_table_changes_no_intensity(folder):
    """ImageJ stores it as a palette, but the numbers are what was measured."""
    image = random_image((8, 9), np.uint8)
    ramp = np.zeros((3, 256), np.uint16)
    ramp[0] = np.arange(256) * 257
    path = written(folder, image, imagej=True, colormap=ramp)
    np.testing.assert_array_equal(read_image(path).data, image)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(20, 90), st.integers(20, 90)),
    layout=st.sampled_from(
        [{}, {"tile": (16, 32)}, {"rowsperstrip": 7}, {"tile": (32, 16), "compression": "zlib"}]
    ),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
)
@settings(max_examples=25, deadline=None)
def test_lazy_and_eager_reading_agree(folder, shape, layout, dtype):
    data = random_image(shape, dtype)
    path = written(folder, data, photometric="minisblack", metadata={"axes": "ZYX"}, **layout)
    lazy, eager = read_image(path, lazy=True), read_image(path)
    assert isinstance(lazy.data, da.Array)
    assert isinstance(eager.data, np.ndarray)
    assert (lazy.axes, lazy.scale, lazy.dtype) == (eager.axes, eager.scale, eager.dtype)
    np.testing.assert_array_equal(lazy.data.compute(), eager.data)
    np.testing.assert_array_equal(lazy.data[-1, 5:9, ::3].compute(), eager.data[-1, 5:9, ::3])


def test_large_files_are_lazy_by_default(folder, monkeypatch):
    monkeypatch.setattr("napari_sr.io.tiff._read.LAZY_ABOVE", 1000)
    path = written(folder, random_image((40, 50), np.uint8), photometric="minisblack")
    assert isinstance(read_image(path).data, da.Array)


def test_blocks_are_of_moderate_size_and_whole_tiles(folder):
    data = np.zeros((2, 4096, 6000), np.uint16)
    path = written(folder, data, tile=(256, 256), photometric="minisblack", compression="zlib")
    lazy = read_image(path, lazy=True).data
    block = np.prod(lazy.chunksize) * 2
    assert BLOCK_BYTES / 2 < block <= BLOCK_BYTES
    assert all(n % 256 == 0 for n in lazy.chunksize[1:2])


def test_a_lazy_file_can_be_pickled_and_is_closed_when_unused(folder):
    data = random_image((40, 50), np.uint8)
    path = written(folder, data, photometric="minisblack", tile=(16, 16))
    sent = pickle.loads(pickle.dumps(TiffBlocks(path)))
    np.testing.assert_array_equal(sent[3:9, 4:], data[3:9, 4:])
    del sent  # an open file would be a ResourceWarning, and so an error


def test_a_pyramid_keeps_its_levels(folder):
    path = folder / "pyramid.ome.tif"
    data = random_image((64, 80), np.uint16)
    with tifffile.TiffWriter(path, ome=True) as tif:
        options = {"photometric": "minisblack", "tile": (16, 16)}
        tif.write(data, subifds=1, metadata={"axes": "YX"}, **options)
        tif.write(data[::2, ::2], subfiletype=1, **options)
    read = read_image(path, lazy=True)
    np.testing.assert_array_equal(read.data.compute(), data)
    assert [level.shape for level in read.levels] == [(32, 40)]
    np.testing.assert_array_equal(read.levels[0].compute(), data[::2, ::2])
