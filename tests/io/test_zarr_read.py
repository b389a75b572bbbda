"""OME-Zarr of other programs is read lazily with axes, pixel size and channels; anything else is refused by name."""

from __future__ import annotations

import json
import pickle
import shutil

import dask.array as da
import numpy as np
import pytest
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_image as write_theirs

from napari_sr.errors import FileReadError
from napari_sr.io import is_ome_zarr, read_image, read_ome_zarr, write_ome_zarr
from napari_sr.io._napari import get_reader

from .conftest import random_image

AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]
STEPS = [
    {"type": "scale", "scale": [2, 1, 0.5, 0.25]},
    {"type": "translation", "translation": [0, 0, 10, -4]},
]


def image_group(path, data, multiscale, **attributes):
    """A Zarr 2 image group with the metadata of any version."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("full", data=data)
    group.attrs.update({"multiscales": [multiscale], **attributes})
    return path


@pytest.mark.parametrize("fmt", [FormatV04(), FormatV05()], ids=["0.4", "0.5"])
def test_images_written_by_ome_zarr_are_read(tmp_path, fmt):
    data = random_image((2, 3, 60, 50), np.uint16)
    write_theirs(
        da.from_array(data, chunks=32), str(tmp_path / "theirs.zarr"), axes=AXES, fmt=fmt,
        scale_factors=[2], scale={"t": 2, "c": 1, "y": 0.5, "x": 0.25},
        axes_units={"t": "second", "y": "micrometer", "x": "micrometer"},
    )  # fmt: skip
    read = read_image(tmp_path / "theirs.zarr")
    assert isinstance(read.data, da.Array)
    np.testing.assert_array_equal(read.data.compute(), data)
    assert (read.axes, read.scale) == ("TCYX", (2, 1, 0.5, 0.25))
    assert read.units == ("second", "pixel", "micrometer", "micrometer")
    assert [level.shape for level in read.levels] == [(2, 3, 30, 25)]


def test_transforms_are_applied_in_order_and_the_image_s_own_last(tmp_path):
    path = image_group(
        tmp_path / "moved.zarr",
        random_image((1, 1, 6, 5), np.uint8),
        {
            "axes": AXES,
            "datasets": [{"path": "full", "coordinateTransformations": STEPS}],
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 10, 10]},
                {"type": "translation", "translation": [0, 0, 1, 2]},
            ],
        },
    )
    read = read_ome_zarr(path)
    assert read.scale == (2, 1, 5, 2.5)
    assert read.translation == (0, 0, 101, -38)


@pytest.mark.parametrize(
    ("axes", "shape", "letters"),
    [
        (None, (2, 3, 4, 6, 5), "TCZYX"),  # 0.1 and 0.2
        (["c", "y", "x"], (3, 6, 5), "CYX"),  # 0.3
        (
            [{"name": "wavelength", "type": "channel"}, {"name": "angle"}, *AXES[2:]],
            (3, 4, 6, 5),
            "CAYX",
        ),
    ],
)
def test_axes_of_every_version_are_understood(tmp_path, axes, shape, letters):
    multiscale = {"datasets": [{"path": "full"}]} | ({"axes": axes} if axes else {})
    read = read_ome_zarr(image_group(tmp_path / "a", np.zeros(shape, np.uint8), multiscale))
    assert (read.axes, read.scale) == (letters, (1,) * len(shape))


def test_channels_are_read_from_omero(tmp_path):
    omero = {
        "channels": [
            {"label": "DAPI", "color": "0000FF", "window": {"start": 5, "end": 90, "min": 0, "max": 255}},
            {"color": "nonsense"},
        ]
    }  # fmt: skip
    data = np.zeros((1, 2, 6, 5), np.uint8)
    datasets = {"axes": AXES, "datasets": [{"path": "full"}]}
    first, second = read_ome_zarr(image_group(tmp_path / "a", data, datasets, omero=omero)).channels
    assert (first.name, first.color, first.window) == ("DAPI", "#0000ff", (5, 90))
    assert (second.name, second.color, second.window) == (None, None, None)


def test_a_conversion_of_bioformats2raw_gives_its_first_image(tmp_path):
    zarr.open_group(tmp_path, mode="w", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    data = random_image((6, 5), np.uint8)
    write_ome_zarr(tmp_path / "0", data, version="0.4")
    np.testing.assert_array_equal(read_ome_zarr(tmp_path).data.compute(), data)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({}, "without OME-Zarr image metadata"),
        ({"plate": {"wells": [{"path": "B/3"}]}}, "a plate of wells; .*B/3/0"),
        ({"ome": {"well": {"images": [{"path": "2"}]}}}, "a well of images; .*2"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "gone"}]}]}, "damaged"),
        ({"multiscales": [{}]}, "damaged"),
        ({"multiscales": ["what"]}, "damaged"),
        ({"multiscales": [{"axes": ["z", "x"], "datasets": [{"path": "full"}]}]}, "do not name y"),
    ],
)
def test_groups_that_are_not_images_are_refused_by_name(tmp_path, attributes, says):
    group = zarr.open_group(tmp_path / "x.zarr", mode="w", zarr_format=2, attributes=attributes)
    group.create_array("full", data=np.zeros((6, 5), np.uint8))
    with pytest.raises(FileReadError, match=says) as caught:
        read_image(tmp_path / "x.zarr")
    assert "\n" not in str(caught.value)


def test_a_damaged_group_is_refused(tmp_path):
    path = write_ome_zarr(tmp_path / "x.zarr", np.zeros((6, 5), np.uint8))
    (path / "zarr.json").write_text(json.dumps({"zarr_format": 3})[:-4])
    with pytest.raises(FileReadError, match=r"x\.zarr"):
        read_ome_zarr(path)
    with pytest.raises(FileReadError, match="no such folder"):
        read_ome_zarr(tmp_path / "nothing.zarr")


def conversion(path, count, listed=None):
    """What bioformats2raw makes of a file with several images."""
    group = zarr.open_group(
        path, mode="w", attributes={"ome": {"version": "0.5", "bioformats2raw.layout": 3}}
    )
    if listed:
        group.create_group("OME", attributes={"ome": {"version": "0.5", "series": listed}})
    for i in range(count):
        name = listed[i] if listed else str(i)
        write_ome_zarr(path / name, np.full((6, 5 + i), i, np.uint8))
    return path


@pytest.mark.parametrize("listed", [None, ["b", "a", "c"]], ids=["numbered", "listed"])
def test_each_image_of_a_conversion_can_be_read(tmp_path, listed):
    path = conversion(tmp_path / "c.zarr", 3, listed)
    for series in range(3):
        read = read_image(path, series=series)
        assert read.shape == (6, 5 + series)
        assert read.metadata["series"] == 3
    with pytest.raises(FileReadError, match="holds 3 images, there is no 3"):
        read_image(path, series=3)
    with pytest.raises(FileReadError, match="holds 1 image"):
        read_image(path / (listed or ["0"])[0], series=1)


def test_the_numbers_of_images_are_sorted_as_numbers(tmp_path):
    path = conversion(tmp_path / "c.zarr", 11)
    assert read_image(path, series=10).shape == (6, 15)


def plate(path):
    group = zarr.open_group(
        path, mode="w", zarr_format=2, attributes={"plate": {"wells": [{"path": "A/1"}]}}
    )
    group.create_group("A/1", attributes={"well": {"images": [{"path": "2"}]}})
    write_ome_zarr(path / "A" / "1" / "2", np.zeros((6, 5), np.uint8), version="0.4")
    return path


@pytest.mark.parametrize("inside", ["", "A/1"])
def test_the_image_that_a_plate_s_message_names_can_be_read(tmp_path, inside):
    with pytest.raises(FileReadError) as caught:
        read_image(plate(tmp_path / "p.zarr") / inside)
    named = str(caught.value).partition("such as ")[2]
    assert read_image(named).shape == (6, 5)
    assert is_ome_zarr(named)
    assert get_reader(named) is not None


def test_other_folders_are_not_taken_for_ome_zarr(tmp_path):
    path = plate(tmp_path / "p.zarr")
    (tmp_path / "images").mkdir()
    for other in (tmp_path, tmp_path / "images", path / "nothing", tmp_path / "none.zarr"):
        assert not is_ome_zarr(other)


@pytest.mark.parametrize(
    "omero",
    [None, {}, {"channels": None}, {"channels": [None]}, {"channels": [{"window": None, "color": None}]},
     {"channels": [{"label": None, "window": {"start": None, "end": 9}}]}],
)  # fmt: skip
def test_display_settings_may_be_null_or_incomplete(tmp_path, omero):
    multiscale = {"axes": ["y", "x"], "datasets": [{"path": "full"}]}
    path = image_group(tmp_path / "a", np.zeros((6, 5), np.uint8), multiscale, omero=omero)
    for channel in read_ome_zarr(path).channels:
        assert (channel.name, channel.color, channel.window) == (None, None, None)


@pytest.mark.parametrize("version", ["0.6", "0.6.dev2", "1.0"])
def test_newer_versions_are_refused_by_their_number(tmp_path, version):
    multiscale = {"axes": ["y", "x"], "datasets": [{"path": "full"}], "version": version}
    path = image_group(tmp_path / "x.zarr", np.zeros((6, 5), np.uint8), multiscale)
    with pytest.raises(FileReadError, match=f"OME-NGFF {version} is newer than 0.5"):
        read_image(path)


@pytest.mark.parametrize("version", [None, "0.4", "0.5", "0.5.2", "0.4dev"])
def test_known_versions_are_read_however_they_are_written(tmp_path, version):
    multiscale = {"axes": ["y", "x"], "datasets": [{"path": "full"}], "version": version}
    path = image_group(tmp_path / "x.zarr", np.zeros((6, 5), np.uint8), multiscale)
    assert read_image(path).shape == (6, 5)


@pytest.mark.parametrize("step", [{"type": "affine"}, {"type": "scale", "path": "scale"}, {}])
def test_other_transformations_are_refused(tmp_path, step):
    datasets = [{"path": "full", "coordinateTransformations": [step]}]
    multiscale = {"axes": ["y", "x"], "datasets": datasets}
    path = image_group(tmp_path / "x.zarr", np.zeros((6, 5), np.uint8), multiscale)
    with pytest.raises(FileReadError, match="cannot place images"):
        read_image(path)


def test_labels_are_mentioned_and_can_be_opened(tmp_path):
    path = write_ome_zarr(tmp_path / "x.zarr", random_image((6, 5), np.uint8))
    labels = zarr.open_group(path / "labels", mode="w", attributes={"ome": {"labels": ["cells"]}})
    assert labels is not None
    write_ome_zarr(path / "labels" / "cells", np.full((6, 5), 7, np.uint8))
    read = read_image(path)
    assert "cells" in read.metadata["remarks"][0]
    with pytest.raises(FileReadError, match="a group of labels; open one, such as") as caught:
        read_image(path / "labels")
    named = str(caught.value).partition("such as ")[2]
    assert int(read_image(named).data.max()) == 7


def test_each_of_several_multiscales_can_be_read(tmp_path):
    entry = {"axes": ["y", "x"], "datasets": [{"path": "full"}]}
    other = {"axes": ["y", "x"], "datasets": [{"path": "half"}]}
    path = image_group(tmp_path / "x.zarr", np.zeros((6, 5), np.uint8), entry)
    group = zarr.open_group(path, mode="r+")
    group.create_array("half", data=np.zeros((3, 2), np.uint8))
    group.attrs["multiscales"] = [entry, other]
    assert [read_image(path, series=i).shape for i in range(2)] == [(6, 5), (3, 2)]
    assert read_image(path).metadata["series"] == 2


@pytest.mark.parametrize("inside", ["", "x.zarr"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_zipped_ome_zarr_is_read_lazily(tmp_path, inside, version):
    data = random_image((2, 60, 50), np.uint16)
    path = write_ome_zarr(tmp_path / "x.zarr", data, "ZYX", scale=(2, 0.5, 0.25), version=version)
    root, folder = (path, ".") if not inside else (tmp_path, inside)
    zipped = shutil.make_archive(str(tmp_path / "x.zarr"), "zip", root, folder)
    read = read_image(zipped)
    assert isinstance(read.data, da.Array)
    assert (read.axes, read.scale, read.name) == ("ZYX", (2, 0.5, 0.25), "x")
    np.testing.assert_array_equal(read.data.compute(), data)
    again = pickle.loads(pickle.dumps(read.data))
    np.testing.assert_array_equal(again[1].compute(), data[1])


def test_another_zip_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("text")
    path = shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "folder")
    with pytest.raises(FileReadError, match=r"a\.zip: this file is not a zipped Zarr"):
        read_image(path)


@pytest.mark.parametrize(
    ("shape", "names", "axes"),
    [
        ((3, 20, 30), None, "ZYX"),
        ((20, 30, 3), None, "YXS"),
        ((3, 20, 30), ("time", "y", "x"), "TYX"),
        ((20, 30, 2), ("y", "x", "c"), "YXC"),
    ],
)
@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_zarr_array_is_read(tmp_path, shape, names, axes, version):
    data = random_image(shape, np.uint16)
    options = {"dimension_names": names} if version == 3 else {}
    array = zarr.create_array(tmp_path / "a.zarr", data=data, zarr_format=version, **options)
    if names and version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = list(names)
    read = read_image(tmp_path / "a.zarr")
    assert read.axes == axes
    np.testing.assert_array_equal(read.data.compute(), data)


def test_the_arrays_of_a_plain_group_are_named(tmp_path):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("raw", data=np.zeros((6, 5), np.uint8))
    with pytest.raises(FileReadError, match="open one of its arrays, such as") as caught:
        read_image(tmp_path / "g.zarr")
    assert read_image(str(caught.value).partition("such as ")[2]).shape == (6, 5)
