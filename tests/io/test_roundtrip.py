"""Whatever can be written is read back equal, by us and by the libraries that others use."""

from __future__ import annotations

import dask.array as da
import numpy as np
import ome_types
import ome_zarr_models
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.io import Channel, SpatialImage, read_image, write_image
from napari_sr.io._units import LENGTHS, TIMES, ratio, unit_name
from napari_sr.io.tiff import _write

from .conftest import random_image

SIZES = {"T": 2, "C": 2, "Z": 3, "Y": 20, "X": 30, "S": 3}
DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
SCALES = st.floats(1e-11, 1e6) | st.sampled_from([1.0, 0.107, 0.5, 1e-11, 1e-9, 300.0])
PLACES = st.sampled_from([0.0, -3.5, 1e3])


@st.composite
def spatial_images(draw):
    """Images of any axes, dtype, pixel sizes, units, position and channels."""
    axes = (
        "".join(axis for axis in "TCZ" if draw(st.booleans()))
        + "YX"
        + draw(st.sampled_from(["", "S"]))
    )
    if "C" in axes:
        axes = axes.replace("S", "")
    data = random_image([SIZES[axis] for axis in axes], draw(st.sampled_from(DTYPES)), 1)
    length = draw(st.sampled_from([*sorted(LENGTHS), "pixel"]))
    units = {"T": draw(st.sampled_from([*sorted(TIMES), "pixel"])), "C": "pixel", "S": "pixel"}
    if draw(st.booleans()):
        units["Z"] = draw(st.sampled_from([*sorted(LENGTHS), "pixel"]))
    count = SIZES["C"] if "C" in axes else 1
    names, colors, windows = (draw(st.booleans()) for _ in range(3))
    channels = tuple(
        Channel(
            f"é{i}" if names else None,
            ("#ff0000", "#00ff7f")[i] if colors else None,
            (i, 9.5) if windows else None,
        )
        for i in range(count)
    )
    return SpatialImage(
        data if draw(st.booleans()) else da.from_array(data, chunks=11),
        axes,
        scale=[1.0 if axis in "CS" else draw(SCALES) for axis in axes],
        translation=[draw(PLACES) if axis in "ZYX" else 0.0 for axis in axes],
        units=[units.get(axis, length) for axis in axes],
        channels=() if "S" in axes else channels,
        name="image",
    )  # fmt: skip


def same_facts(image, read, *, windows):
    """Compare physical sizes, which some formats store in another unit, and what is known of channels."""
    order = [image.axes.index(axis) for axis in read.axes]
    for i, axis in zip(order, read.axes, strict=True):
        factor = ratio(read.unit_along(axis), image.units[i])
        assert factor is not None, (axis, read.unit_along(axis), image.units[i])
        assert read.size_along(axis) * factor == pytest.approx(image.scale[i], rel=1e-5)
        place = pytest.approx(image.translation[i], rel=1e-5, abs=1e-5 * image.scale[i])
        assert read.position_along(axis) * factor == place
    known = [each for each in image.channels if each != Channel()]
    if known and "S" not in image.axes:
        for before, after in zip(image.channels, read.channels, strict=True):
            assert before.name is None or after.name == before.name
            assert before.color is None or after.color == before.color
            if windows and before.window:
                assert after.window == before.window


@given(
    image=spatial_images(),
    suffix=st.sampled_from([".tif", ".ome.tif", ".zarr"]),
    late=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_images_are_read_back_equal(folder, image, suffix, late):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_write, "LAZY_BYTES", 0)
        path = write_image(
            folder / f"x{suffix}", image, record=(lambda: {"n": 1}) if late else {"n": 1}
        )
    read = read_image(path)
    order = [image.axes.index(axis) for axis in read.axes]
    expected = np.asarray(image.data)
    if image.dtype == bool and "S" in image.axes and suffix != ".zarr":
        expected = expected * np.uint8(255)
    np.testing.assert_array_equal(np.asarray(read.data), expected.transpose(order))
    assert read.dtype == expected.dtype
    assert read.metadata["napari_sr"] == {"n": 1}
    dialect = read.metadata["format"]
    if dialect != "TIFF" and not (suffix == ".zarr" and not image.channels):
        same_facts(image, read, windows=dialect != "OME-TIFF")
    if dialect == "OME-TIFF":
        _valid_ome(path, image)
    elif dialect == "OME-Zarr":
        ome_zarr_models.open_ome_zarr(str(path))
    others = (
        tifffile.imread(path) if suffix != ".zarr" else zarr.open_array(path / "0", mode="r")[:]
    )
    assert others.size == image.data.size


def _valid_ome(path, image):
    """XML that fits OME's schema, and pixels where tifffile looks for them."""
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
        assert tif.series[0].size == image.data.size
    ome_types.validate_xml(xml)
    pixels = ome_types.from_xml(xml).images[0].pixels
    for axis in "yx":
        size, unit = getattr(pixels, f"physical_size_{axis}"), image.unit_along(axis.upper())
        if size is not None and unit in LENGTHS:
            assert size == pytest.approx(image.size_along(axis.upper()))
            found = getattr(pixels, f"physical_size_{axis}_unit").value
            assert ratio(unit_name(found), unit) == 1


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
@pytest.mark.parametrize(
    ("scale", "unit"), [(5.0, "pixel"), (0.25, "hour"), (3.0, "microsecond"), (1.0, "pixel")]
)
@pytest.mark.parametrize("origin", [0.0, 7.0])
def test_time_scales_are_kept_even_without_a_unit(tmp_path, suffix, scale, unit, origin):
    image = SpatialImage(
        random_image((3, 8, 9), np.uint16), "TYX", scale=(scale, 1, 1), translation=(origin, 0, 0),
        units=(unit, "pixel", "pixel"),
    )  # fmt: skip
    read = read_image(write_image(tmp_path / f"t{suffix}", image))
    factor = ratio(read.units[0], unit)
    assert factor is not None
    assert read.scale[0] * factor == pytest.approx(scale)
    assert read.translation[0] * factor == pytest.approx(origin)


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".zarr"])
def test_an_image_without_pixel_size_is_read_without(tmp_path, suffix):
    image = random_image((8, 9), np.uint16)
    read = read_image(write_image(tmp_path / f"x{suffix}", image))
    assert (read.scale, read.units, read.translation) == ((1, 1), ("pixel", "pixel"), (0, 0))
    large = read.finer(np.asarray(read.data).repeat(2, 0).repeat(2, 1), {"Y": 2, "X": 2})
    again = read_image(write_image(tmp_path / f"large{suffix}", large))
    assert (again.scale, again.translation) == ((0.5, 0.5), (-0.25, -0.25))
    assert again.units == ("pixel", "pixel")


def test_plain_tiff_holds_six_dimensions(tmp_path):
    image = SpatialImage(
        random_image((2, 1, 2, 2, 8, 9), np.uint16), "QTCZYX", scale=(2, 1, 1, 3, 0.5, 0.5),
        units=("pixel", "second", "pixel", "nanometer", "micrometer", "micrometer"),
    )  # fmt: skip
    read = read_image(write_image(tmp_path / "six.tif", image))
    order = [image.axes.index(axis) for axis in read.axes]
    np.testing.assert_array_equal(read.data, image.data.transpose(order))
    assert read.scale == tuple(image.scale[i] for i in order)
    assert read.units == tuple(image.units[i] for i in order)
