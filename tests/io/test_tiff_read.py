"""TIFFs of other programs are read with their axes, pixel size, colors and values."""

from __future__ import annotations

import pickle
import uuid

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_sr.errors import FileReadError
from napari_sr.io import Channel, SpatialImage, read_image, write_image
from napari_sr.io._units import ratio
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
        tif.write(
            second,
            photometric="minisblack",
            metadata={"axes": "ZYX", "PhysicalSizeX": 3.0, "PhysicalSizeY": 1.0},
        )
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


LUT = np.stack([0 * np.arange(256), np.arange(256), np.arange(256) // 2]).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("metadata", "channel"),
    [
        ({"LUTs": [LUT]}, Channel(None, "#00ff7f")),
        ({"Labels": ["GFP"]}, Channel("GFP")),
        ({"LUTs": [LUT], "Labels": ["GFP"], "min": 3.0, "max": 90.0}, Channel("GFP", "#00ff7f", (3, 90))),
        ({"Ranges": (3.0, 90.0)}, Channel(None, None, (3, 90))),
    ],
)  # fmt: skip
def test_one_channel_of_imagej_has_its_color_name_and_range(folder, dtype, metadata, channel):
    data = random_image((8, 9), dtype)
    read = read_image(written(folder, data, imagej=True, metadata=metadata))
    np.testing.assert_array_equal(read.data, data)
    assert read.channels == (channel,)


def test_labels_of_slices_are_no_names_of_channels(folder):
    data = random_image((3, 8, 9), np.uint8)
    labels = ["one", "two", "three"]
    path = written(folder, data, imagej=True, metadata={"axes": "ZYX", "Labels": labels})
    read = read_image(path)
    assert read.channels == ()
    with tifffile.TiffFile(write_image(folder / "again.tif", read)) as tif:
        assert tif.imagej_metadata["Labels"] == labels


@pytest.mark.parametrize(
    ("metadata", "scale", "units"),
    [
        ({"unit": "micron", "spacing": 200, "zunit": "nm"}, (200, 0.1, 0.1), ("nanometer", "micrometer", "micrometer")),
        ({"unit": "um", "spacing": 0.3, "yunit": "nm"}, (0.3, 0.1, 0.1), ("micrometer", "nanometer", "micrometer")),
        ({"unit": "um", "spacing": 2, "zunit": "pixel"}, (2, 0.1, 0.1), ("pixel", "micrometer", "micrometer")),
    ],
)  # fmt: skip
def test_axes_of_imagej_may_have_units_of_their_own(folder, metadata, scale, units):
    data = random_image((5, 8, 9), np.uint16)
    path = written(
        folder, data, imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", **metadata}
    )
    read = read_image(path)
    assert (read.scale, read.units) == (scale, units)
    again = read_image(write_image(folder / "again.tif", read))
    for before, after, unit, other in zip(read.scale, again.scale, units, again.units, strict=True):
        assert after * ratio(other, unit) == pytest.approx(before)


@pytest.mark.parametrize(
    "calibration",
    [
        {"cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "gray value"},  # signed 16 bits
        {"cf": 0, "c0": -1024.0, "c1": 0.5, "vunit": "HU"},
    ],
)
def test_a_calibration_of_intensities_is_kept(folder, calibration):
    """ImageJ shows c0 + c1 times the value; an enlarged image has values in the same unit."""
    path = written(folder, random_image((8, 9), np.uint16), imagej=True, metadata=calibration)
    read = read_image(path)
    large = read.finer(read.data.repeat(2, 0).repeat(2, 1), {"Y": 2, "X": 2})
    with tifffile.TiffFile(write_image(folder / "large.tif", large)) as tif:
        found = tif.imagej_metadata
    assert {key: found[key] for key in calibration} == calibration
    floats = SpatialImage(np.zeros((8, 9), np.float32), "YX", metadata=read.metadata)
    with tifffile.TiffFile(write_image(folder / "float.tif", floats)) as tif:
        assert "c0" not in tif.imagej_metadata


def test_info_and_properties_are_kept_beside_the_record(folder):
    metadata = {"Info": "Objective: 60x\nÖl", "Properties": {"Key": "Value"}}
    read = read_image(
        written(folder, random_image((8, 9), np.uint8), imagej=True, metadata=metadata)
    )
    path = write_image(folder / "again.tif", read, record={"model": "m"})
    with tifffile.TiffFile(path) as tif:
        found = tif.imagej_metadata
    assert found["Info"].endswith("Objective: 60x\nÖl")
    assert found["Properties"] == {"Key": "Value"}
    again = read_image(path).metadata
    assert again["napari_sr"] == {"model": "m"}
    assert again["imagej"]["info"] == metadata["Info"]


NS = '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>'


def ome_image(index, size, tiff_data, planes=1):
    return (
        f'<Image ID="Image:{index}" Name="P{index}"><Pixels ID="Pixels:{index}" DimensionOrder="XYZCT" '
        f'Type="uint16" SizeX="50" SizeY="40" SizeZ="1" SizeC="1" SizeT="{planes}" PhysicalSizeX="{size}" '
        f'PhysicalSizeY="{size}"><Channel ID="Channel:{index}:0" SamplesPerPixel="1" Name="c{index}"/>'
        f"{tiff_data}</Pixels></Image>"
    )


def ome_file(path, xml, planes=1):
    data = random_image((planes, 40, 50), np.uint16)
    with tifffile.TiffWriter(path) as tif:
        for i, plane in enumerate(data):
            tif.write(
                plane, photometric="minisblack", metadata=None, description=None if i else xml
            )
    return data


def test_facts_are_those_of_the_image_with_the_pixels(tmp_path):
    """Images before it may have metadata only, or pixels in files that are elsewhere."""
    ids = [f"urn:uuid:{uuid.UUID(int=i + 1)}" for i in range(2)]
    blocks = [
        f'<TiffData IFD="0" PlaneCount="1"><UUID FileName="p{i}.ome.tif">{ids[i]}</UUID></TiffData>'
        for i in range(2)
    ]
    sets = NS.format(f' UUID="{ids[1]}"') + "".join(
        ome_image(i, (0.5, 0.2)[i], blocks[i]) for i in range(2)
    )
    only = NS.format("") + ome_image(0, 7, "<MetadataOnly/>") + ome_image(
        1, 0.2, '<TiffData IFD="0" PlaneCount="1"/>'
    )  # fmt: skip
    for name, xml in (("p1.ome.tif", sets), ("only.ome.tif", only)):
        ome_file(tmp_path / name, xml + "</OME>")
        read = read_image(tmp_path / name)
        assert read.scale == (0.2, 0.2)
        assert read.channels[0].name == "c1"


@pytest.mark.parametrize("lazy", [False, True])
def test_frames_that_are_announced_and_missing_are_no_zeros(tmp_path, caplog, lazy):
    xml = NS.format("") + ome_image(0, 1, "<TiffData/>", planes=9) + "</OME>"
    data = ome_file(tmp_path / "stopped.ome.tif", xml, planes=6)
    read = read_image(tmp_path / "stopped.ome.tif", lazy=lazy)
    np.testing.assert_array_equal(np.asarray(read.data), data)
    assert "6 of 9 planes along T are there" in read.metadata["remarks"][0]
    caplog.clear()


def test_a_set_with_a_missing_file_is_refused(tmp_path, caplog):
    ids = [f"urn:uuid:{uuid.UUID(int=i + 1)}" for i in range(2)]
    blocks = "".join(
        f'<TiffData IFD="0" FirstT="{3 * i}" PlaneCount="3"><UUID FileName="s{i}.ome.tif">{ids[i]}</UUID></TiffData>'
        for i in range(2)
    )
    xml = NS.format(f' UUID="{ids[1]}"') + ome_image(0, 1, blocks, planes=6) + "</OME>"
    ome_file(tmp_path / "s1.ome.tif", xml, planes=3)
    with pytest.raises(FileReadError, match=r"s1\.ome\.tif: 3 of 6 planes are missing"):
        read_image(tmp_path / "s1.ome.tif")
    caplog.clear()


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((5, 20, 30), "ZYX"),
        ((2, 5, 20, 30), "TZYX"),
        ((2, 3, 5, 20, 30), "TCZYX"),
        ((5, 20, 30, 3), "ZYXS"),
    ],
)
@pytest.mark.parametrize("metadata", [{}, None], ids=["shaped", "pages"])
def test_stack_axes_without_a_name_become_those_that_napari_assumes(folder, shape, axes, metadata):
    data = random_image(shape, np.uint8)
    if metadata is None and len(axes.replace("S", "")) > 3:
        pytest.skip("pages alone make one axis")
    color = "rgb" if "S" in axes else "minisblack"
    read = read_image(written(folder, data, photometric=color, metadata=metadata))
    assert read.axes == axes
    np.testing.assert_array_equal(read.data, data)
    assert f"taken for {axes}" in read.metadata["remarks"][0]
    for name in ("again.ome.tif", "again.ome.zarr"):
        again = read_image(write_image(folder / name, read))
        assert set(again.axes) == set(axes)


def test_named_axes_are_not_renamed(folder):
    data = random_image((5, 20, 30), np.uint16)
    for options in ({"metadata": {"axes": "TYX"}}, {"imagej": True, "metadata": {"axes": "CYX"}}):
        read = read_image(written(folder, data, **options))
        assert read.axes[0] == options["metadata"]["axes"][0]
        assert "remarks" not in read.metadata


FEI = "[Scan]\r\nPixelWidth=2.5e-09\r\nPixelHeight=1.25e-09\r\n"
PILATUS = "# Pilatus\r\n# Pixel_size 172e-6 m x 172e-6 m\r\n"
ZEISS = "0\r\n0\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 3.722 nm\r\n"


@pytest.mark.parametrize(
    ("options", "nanometers"),
    [
        ({"extratags": [(34682, "s", 0, FEI, True)]}, (1.25, 2.5)),
        ({"extratags": [(34118, "s", 0, ZEISS, True)]}, (3.722, 3.722)),
        ({"description": "Aperio Image Library v11.2.1 \r\n8x9 JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990"}, (499, 499)),
        ({"description": PILATUS, "software": "TVX TIFF v 1.3"}, (172e3, 172e3)),
    ],
    ids=["FEI", "Zeiss", "Aperio", "Pilatus"],
)  # fmt: skip
def test_instruments_own_tags_give_the_pixel_size(folder, options, nanometers):
    path = written(
        folder, random_image((8, 9), np.uint8), photometric="minisblack", metadata=None, **options
    )
    read = read_image(path)
    measured = [s * ratio(u, "nanometer") for s, u in zip(read.scale, read.units, strict=True)]
    assert measured == pytest.approx(list(nanometers))


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [
        (300 / 2.54, "CENTIMETER", None),
        (72 / 2.54, "CENTIMETER", None),
        (600 / 2.54, "CENTIMETER", None),
        (1e4, "CENTIMETER", 1.0),
        (1e3, "CENTIMETER", 10.0),
        (600, "INCH", None),
        (2400, "INCH", None),
    ],
)
def test_densities_of_printers_are_no_size_of_a_specimen(folder, resolution, unit, um):
    path = written(
        folder, random_image((8, 9), np.uint8), photometric="minisblack", metadata=None,
        resolution=(resolution, resolution), resolutionunit=unit,
    )  # fmt: skip
    read = read_image(path)
    assert read.scale == pytest.approx((um or 1,) * 2, rel=1e-4)
    assert ("print_size" in read.metadata) == (um is None)


def test_one_size_stands_for_both_axes(folder):
    ome = {"PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "µm"}
    path = folder / "one.ome.tif"
    tifffile.imwrite(path, random_image((8, 9), np.uint8), ome=True, metadata={"axes": "YX", **ome})
    assert read_image(path).scale == (0.3, 0.3)
    path = folder / "one.tif"
    Image.fromarray(random_image((8, 9), np.uint8)).save(path, tiffinfo={282: 25000.0, 296: 3})
    assert read_image(path).scale == pytest.approx((0.4, 0.4), rel=1e-6)


def test_a_unit_of_resolution_alone_says_nothing(folder):
    path = folder / "unit.tif"
    Image.fromarray(random_image((8, 9), np.uint8)).save(path, tiffinfo={296: 3})
    read = read_image(path)
    assert (read.scale, read.units) == ((1, 1), ("pixel", "pixel"))
