"""Pixel size, position and channels in our TIFFs are found by ImageJ, OME readers and tifffile."""

from __future__ import annotations

from xml.etree import ElementTree

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.io import Channel, read_image, write_image
from napari_sr.io.tiff import _write

from .conftest import random_image

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
SIZES = {"T": 2, "Z": 3, "C": 2, "Y": 7, "X": 9, "S": 3}
CHANNELS = (Channel("DAPI", "#0000ff", (3, 200)), Channel("GFP é", "#00ff00", (5, 90)))


@st.composite
def stacks(draw):
    """Any order of some stack axes before Y and X, sometimes color after."""
    stack = draw(st.lists(st.sampled_from("TZC"), unique=True))
    axes = "".join(stack) + "YX" + draw(st.sampled_from(["", "S"]))
    dtype = draw(st.sampled_from(DTYPES[1:] if "S" in axes else DTYPES))
    return axes, random_image([SIZES[a] for a in axes], dtype)


@given(stack=stacks(), suffix=st.sampled_from([".tif", ".ome.tif"]), um=st.floats(0.01, 50))
@settings(max_examples=60, deadline=None)
def test_axes_pixels_and_pixel_size_survive(folder, stack, suffix, um):
    axes, data = stack
    scale = [um * 2 if a == "Z" else um if a in "YX" else 1.5 if a == "T" else 1 for a in axes]
    units = ["second" if a == "T" else "micrometer" if a in "ZYX" else "pixel" for a in axes]
    path = write_image(folder / f"stack{suffix}", data, axes, scale=scale, units=units)
    read = read_image(path)
    order = [axes.index(a) for a in read.axes]
    np.testing.assert_array_equal(read.data, data.transpose(order))
    assert read.dtype == data.dtype
    np.testing.assert_allclose(read.scale, [scale[i] for i in order], rtol=1e-7)
    assert read.units == tuple(units[i] for i in order)


@given(dtype=st.sampled_from(["uint8", "uint16", "float32"]), nm=st.integers(1, 10**6))
@settings(max_examples=30, deadline=None)
def test_imagej_finds_pixel_size_unit_and_hyperstack(folder, dtype, nm):
    """As ImageJ does: description, then pixels per unit in the resolution tags."""
    data = random_image((2, 3, 2, 8, 9), dtype)
    path = write_image(
        folder / "hyper.tif",
        data,
        "TZCYX",
        scale=(0.5, 2e-3 * nm, 1, 1e-3 * nm, 3e-3 * nm),
        units=("minute", "micrometer", "pixel", "micrometer", "micrometer"),
        channels=CHANNELS,
    )
    with tifffile.TiffFile(path) as tif:
        found = tif.imagej_metadata
        tags = tif.pages.first.tags
        x, y = tags["XResolution"].value, tags["YResolution"].value
    assert (found["frames"], found["slices"], found["channels"]) == (2, 3, 2)
    assert found["unit"] == "um"
    assert found["finterval"] == 30
    assert found["spacing"] == pytest.approx(2e-3 * nm)
    assert (y[1] / y[0], x[1] / x[0]) == pytest.approx((1e-3 * nm, 3e-3 * nm), rel=1e-8)
    assert found["Ranges"] == (3, 200, 5, 90)
    np.testing.assert_array_equal(found["LUTs"][1][:, -1], (0, 255, 0))
    np.testing.assert_array_equal(tifffile.imread(path), data)
    assert read_image(path).channels == CHANNELS


def test_ome_xml_has_size_unit_name_color_and_position(folder):
    path = write_image(
        folder / "place.ome.tif",
        random_image((2, 8, 9), np.int16),
        "CYX",
        scale=(1, 0.1, 0.2),
        translation=(0, -3.5, 12),
        units=("pixel", "millimeter", "micrometer"),
        channels=CHANNELS,
    )
    with tifffile.TiffFile(path) as tif:
        pixels = ElementTree.fromstring(tif.ome_metadata).find("{*}Image/{*}Pixels")
        assert tif.series[0].axes == "CYX"
    assert pixels.get("PhysicalSizeX") == "0.2"
    assert pixels.get("PhysicalSizeXUnit") == "µm"
    assert pixels.get("PhysicalSizeYUnit") == "mm"
    names = [c.get("Name") for c in pixels.findall("{*}Channel")]
    assert names == ["DAPI", "GFP é"]
    assert int(pixels.find("{*}Channel").get("Color")) & 0xFFFFFFFF == 0x0000FFFF
    assert pixels.find("{*}Plane").get("PositionY") == "-3.5"
    read = read_image(path)
    assert read.translation == (0, -3.5, 12)
    assert [c.color for c in read.channels] == ["#0000ff", "#00ff00"]


def test_the_position_is_kept_in_imagej_s_tiff(folder):
    data = random_image((8, 9), np.uint16)
    path = write_image(
        folder / "p.tif",
        data,
        scale=(0.107, 0.107),
        translation=(-0.02675, 4.5),
        units=("micrometer",) * 2,
        channels=[Channel(window=(10, 4000))],
    )
    read = read_image(path)
    assert read.translation == pytest.approx((-0.02675, 4.5))
    assert read.scale == (0.107, 0.107)
    assert read.channels[0].window == (10, 4000)


@pytest.mark.parametrize(
    ("dtype", "axes"), [("uint64", "ZYX"), ("int32", "QYX"), ("float32", "RYX")]
)
def test_plain_tiff_keeps_what_no_other_dialect_holds(folder, dtype, axes):
    data = random_image((3, 8, 9), dtype)
    scale, units = (4, 0.25, 0.5), ("pixel", "micrometer", "micrometer")
    path = write_image(folder / "own.tif", data, axes, scale=scale, units=units)
    read = read_image(path)
    np.testing.assert_array_equal(read.data, data)
    assert (read.axes, read.scale, read.units) == (axes, scale, units)
    with tifffile.TiffFile(path) as tif:
        x = tif.pages.first.tags["XResolution"].value
        assert x[0] / x[1] == pytest.approx(1e4 / 0.5)


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 70), st.integers(1, 70)),
    chunk=st.integers(5, 40),
    color=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_a_lazy_array_is_written_block_by_block(folder, shape, chunk, color):
    """Each block is computed once, though it does not match the file's tiles."""
    data = random_image((*shape, 3) if color else shape, np.uint16)
    computed = []
    blocks = da.from_array(data, chunks=(1, chunk, -1, -1)[: data.ndim])
    lazy = blocks.map_blocks(lambda b: computed.append(1) or b, dtype=data.dtype, meta=data[:0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_write, "LAZY_BYTES", 0)
        patch.setattr(_write, "TILE", 32)
        path = write_image(folder / "lazy.tif", lazy, "ZYXS" if color else "ZYX")
    assert len(computed) == lazy.npartitions
    np.testing.assert_array_equal(tifffile.imread(path).reshape(data.shape), data)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.pages.first.is_tiled


def test_files_beyond_4_gib_are_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(_write, "CLASSIC_BYTES", 1000)
    data = random_image((40, 50), np.uint16)
    path = write_image(tmp_path / "big.tif", data)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert not tif.is_imagej
    np.testing.assert_array_equal(read_image(path).data, data)


def test_half_precision_is_stored_as_single(folder):
    data = random_image((6, 7), np.float16)
    read = read_image(write_image(folder / "half.tif", data))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read.data, data)
