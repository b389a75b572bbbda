"""Files open in napari at their place and size, and saved layers open again where they were."""

from __future__ import annotations

import cv2
import dask.array as da
import imageio.v3
import numpy as np
import pytest
import tifffile
import torch
import zarr
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest

from napari_sr.errors import FileReadError, FileWriteError
from napari_sr.io import (
    READABLE_SUFFIXES,
    Channel,
    read_image,
    read_layers,
    write_image,
    write_ome_zarr,
)
from napari_sr.io._layer_data import from_layer_data
from napari_sr.io._napari import get_reader, write_layer

from .conftest import random_image


@pytest.fixture
def viewer(npe2pm):
    """A viewer without a window that has our plugin and no other."""
    manifest = PluginManifest.from_distribution("napari-sr")
    npe2pm.register(manifest)
    return ViewerModel()


def opened(viewer, path):
    """The layers of a file, added as by napari's reader or by the command in the File menu."""
    if str(path).endswith(".zarr"):
        return viewer.open(str(path), plugin="napari-sr")
    added = []
    for data, attributes, _ in read_layers(str(path)):
        layers = viewer.add_image(data, **attributes)
        added += layers if isinstance(layers, list) else [layers]
    return added


def test_napari_asks_for_a_reader_only_where_its_own_shows_images_wrongly(npe2pm, tmp_path):
    npe2pm.register(PluginManifest.from_distribution("napari-sr"))
    claimed = [
        suffix
        for suffix in READABLE_SUFFIXES
        if list(npe2pm.iter_compatible_readers([f"image{suffix}"]))
    ]
    assert claimed == [".hdr", ".pfm", ".zarr", ".zarr.zip"]
    assert list(npe2pm.iter_compatible_readers([str(tmp_path)]))


@pytest.mark.parametrize("suffix", [".hdr", ".pfm"])
def test_napari_s_own_reader_rounds_float_pictures(tmp_path, suffix):
    """The reason why these two are claimed; once it fails, they need not be any more."""
    image = np.full((8, 9, 3), 0.25, np.float32)
    path = tmp_path / f"float{suffix}"
    path.write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    np.testing.assert_allclose(read_image(path).data, image)
    assert not np.allclose(imageio.v3.imread(path), image)


@pytest.mark.parametrize("path", ["a.txt", "https://x.org/a.png", ["a.png", "b.png"], "b.png.bak"])
def test_other_paths_are_left_to_other_readers(path):
    assert get_reader(path) is None
    assert get_reader("A.PNG") is not None
    assert get_reader("folder/x.ome.zarr/") is not None


def test_a_16_bit_picture_opens_with_its_colors(viewer, tmp_path):
    data = random_image((20, 30, 4), np.uint16)
    (layer,) = opened(viewer, write_image(tmp_path / "deep.png", data))
    assert layer.rgb
    assert layer.name == "deep"
    np.testing.assert_array_equal(layer.data, data)


def test_channels_open_as_layers_with_names_colors_and_limits(viewer, tmp_path):
    data = random_image((3, 2, 20, 30), np.uint16)
    channels = [Channel("DAPI", "#0000ff", (10, 900)), Channel("GFP", "#00ff00", (20, 800))]
    path = write_image(
        tmp_path / "cells.tif", data, "ZCYX", channels=channels,
        scale=(0.5, 1, 0.1, 0.2), units=("micrometer", "pixel", "micrometer", "micrometer"),
    )  # fmt: skip
    layers = opened(viewer, path)
    assert [layer.name for layer in layers] == ["cells: DAPI", "cells: GFP"]
    for i, layer in enumerate(layers):
        np.testing.assert_array_equal(layer.data, data[:, i])
        np.testing.assert_allclose(layer.scale, (0.5, 0.1, 0.2))
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
        assert layer.axis_labels == ("z", "y", "x")
        np.testing.assert_allclose(layer.contrast_limits, channels[i].window)
    np.testing.assert_allclose(layers[0].colormap.colors[-1], (0, 0, 1, 1))


def test_ome_zarr_opens_as_a_multiscale_layer_at_its_place(viewer, tmp_path):
    data = random_image((2, 40, 30), np.uint8)
    path = write_ome_zarr(
        tmp_path / "c.zarr", data, "CYX", levels=2,
        scale=(1, 2, 3), translation=(0, 7, -8), units=("pixel", "nanometer", "nanometer"),
    )  # fmt: skip
    layers = opened(viewer, path)
    assert len(layers) == 2
    for i, layer in enumerate(layers):
        assert layer.multiscale
        np.testing.assert_array_equal(np.asarray(layer.data[0]), data[i])
        np.testing.assert_allclose(layer.translate, (7, -8))
        np.testing.assert_allclose(layer.scale, (2, 3))


def test_each_image_of_an_ome_file_becomes_a_layer(viewer, tmp_path):
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        for shape in ((8, 9), (5, 6)):
            tif.write(random_image(shape, np.uint8), photometric="minisblack", metadata={})
    assert [layer.data.shape for layer in opened(viewer, path)] == [(8, 9), (5, 6)]


def test_a_damaged_file_raises_one_line_and_adds_no_layer(viewer, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"text")
    with pytest.raises(FileReadError, match=r"bad.png: the content is not PNG"):
        opened(viewer, tmp_path / "bad.png")
    assert len(viewer.layers) == 0


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".zarr", ".ome.zarr"])
@pytest.mark.parametrize("rgb", [False, True])
def test_a_saved_layer_opens_where_it_was(viewer, tmp_path, suffix, rgb):
    data = random_image((20, 30, 3) if rgb else (4, 20, 30), np.uint8)
    n = 2 if rgb else 3
    layer = viewer.add_image(
        data, rgb=rgb, scale=(0.5, 0.25, 0.2)[-n:], translate=(3, 4.5, -6)[-n:],
        units=("micrometer",) * n, axis_labels=("z", "y", "x")[-n:], name="mine",
        **({} if rgb else {"contrast_limits": (5, 99), "colormap": "green"}),
    )  # fmt: skip
    path = str(tmp_path / f"saved{suffix}")
    assert layer.save(path, plugin="napari-sr") == [path]
    (again,) = opened(viewer, path)
    pixels = again.data[0] if again.multiscale else again.data
    np.testing.assert_array_equal(np.asarray(pixels), data)
    np.testing.assert_allclose(again.scale, layer.scale)
    np.testing.assert_allclose(again.translate, layer.translate)
    assert again.units == layer.units
    if not rgb:
        assert again.axis_labels == layer.axis_labels
    if not rgb and suffix.endswith("zarr"):
        np.testing.assert_allclose(again.contrast_limits, (5, 99))
        np.testing.assert_allclose(again.colormap.colors[-1], (0, 1, 0, 1))


def test_rotation_is_dropped_and_an_affine_shift_is_kept(viewer, tmp_path):
    data = random_image((20, 30), np.uint8)
    turned = viewer.add_image(data, scale=(2, 3), translate=(5, 5), rotate=30)
    turned.save(str(tmp_path / "turned.ome.tif"), plugin="napari-sr")
    read = read_image(tmp_path / "turned.ome.tif")
    assert (read.scale, read.translation) == ((2, 3), (0, 0))
    shift = np.array([[1, 0, 7], [0, 1, 8], [0, 0, 1]])
    shifted = viewer.add_image(data, scale=(2, 3), translate=(5, 5), affine=shift)
    shifted.save(str(tmp_path / "shifted.ome.tif"), plugin="napari-sr")
    assert read_image(tmp_path / "shifted.ome.tif").translation == (12, 13)


def test_a_layer_that_the_format_cannot_hold_is_refused(viewer, tmp_path):
    layer = viewer.add_image(random_image((20, 30), np.float32))
    with pytest.raises(FileWriteError, match=r"save as \.tif"):
        layer.save(str(tmp_path / "x.png"), plugin="napari-sr")
    assert list(tmp_path.iterdir()) == []


def test_samples_open_in_a_viewer(viewer):
    (layer,) = viewer.open_sample("napari-sr", "cell")
    np.testing.assert_allclose(layer.scale, 0.107)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert "CC0" in layer.metadata["license"]


def test_all_images_of_a_file_become_layers(viewer, tmp_path):
    """Pages of different sizes cannot be stacked, and images of a conversion need not be alike."""
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as tif:
        for shape in ((8, 9), (5, 6), (5, 9)):
            tif.write(random_image(shape, np.uint8), photometric="minisblack", metadata=None)
    assert [layer.data.shape for layer in opened(viewer, path)] == [(8, 9), (5, 6), (5, 9)]
    zarr.open_group(tmp_path / "c.zarr", mode="w", attributes={"ome": {"bioformats2raw.layout": 3}})
    for i in range(2):
        write_ome_zarr(tmp_path / "c.zarr" / str(i), np.zeros((6, 5 + i), np.uint8))
    assert [layer.data.shape for layer in opened(viewer, tmp_path / "c.zarr")] == [(6, 5), (6, 6)]


def test_what_was_read_otherwise_than_stored_is_said(viewer, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, random_image((3, 8, 9), np.uint8), photometric="minisblack")
    heard = len(notification_manager.records)
    (layer,) = opened(viewer, path)
    assert layer.axis_labels == ("z", "y", "x")
    (record,) = notification_manager.records[heard:]
    assert "taken for ZYX" in str(record.message)


def labeled(data, dims=("c", "y", "x")):
    return pytest.importorskip("xarray").DataArray(data, dims=dims)


FOREIGN = {
    "torch": torch.from_numpy,
    "xarray": labeled,
    "xarray of dask": lambda data: labeled(da.from_array(data)),
    "dask": da.from_array,
    "zarr": zarr.array,
}


@pytest.mark.parametrize("kind", list(FOREIGN))
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".zarr"])
def test_layers_of_other_libraries_arrays_can_be_saved(tmp_path, kind, suffix):
    data = random_image((3, 20, 30), np.float32)
    attributes = {"name": "a", "axis_labels": ("-3", "-2", "-1"), "scale": (1, 2, 3)}
    write_layer(str(tmp_path / f"a{suffix}"), FOREIGN[kind](data), attributes)
    read = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(np.asarray(read.data), data)
    assert read.axes == ("CYX" if kind.startswith("xarray") else "ZYX")
    assert read.scale[-2:] == (2, 3)


def test_xarray_names_the_axes_that_the_layer_does_not(tmp_path):
    data = labeled(random_image((3, 4, 20, 30), np.uint8), ("time", "channel", "y", "x"))
    assert from_layer_data(data, {}).axes == "TCYX"
    assert from_layer_data(data, {"axis_labels": ("z", "t", "y", "x")}).axes == "ZTYX"


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif", ".zarr"])
@pytest.mark.parametrize("scale", [(2, -0.5, 0.25), (2, -0.5, -0.25), (-2, 0.5, 0.25)])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_flipped_layer_shows_the_same_picture_again(viewer, tmp_path, suffix, scale, lazy):
    """Negative scales flip axes; where a format has none, the pixels are reversed instead."""
    data = random_image((3, 20, 30), np.uint16)
    layer = viewer.add_image(
        da.from_array(data, chunks=(1, 7, 30)) if lazy else data, scale=scale, translate=(1, 10, 20),
        axis_labels=("z", "y", "x"), units="um", name="flipped",
    )  # fmt: skip
    path = str(tmp_path / f"flipped{suffix}")
    layer.save(path, plugin="napari-sr")
    (again,) = opened(viewer, path)
    pixels = np.asarray(again.data[0] if again.multiscale else again.data)
    for index in np.ndindex(3, 20, 30):
        if sum(index) % 7 == 0:
            there = np.rint(again.world_to_data(layer.data_to_world(index))).astype(int)
            assert pixels[tuple(there)] == data[index]
