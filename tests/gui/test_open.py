"""Files that are dropped on napari's window, and the command in its File menu."""

from __future__ import annotations

import numpy as np
import pytest
from app_model.types import MenuItem
from napari._app_model import get_app_model
from PIL import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QDialog, QFileDialog, QRadioButton

from napari_sr.io import Channel, write_image

COMMAND = "napari-sr.open_images"


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def questions():
    """Titles of the dialogs that open meanwhile; each is answered with our reader."""
    asked = []

    def answer():
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            asked.append(dialog.windowTitle())
            for choice in dialog.findChildren(QRadioButton):
                choice.setChecked(choice.text() == "Super-resolution")
            dialog.accept()

    timer = QTimer()
    timer.timeout.connect(answer)
    timer.start(50)
    yield asked
    timer.stop()


def drop(viewer, *paths):
    """Drop files on the window with the mouse."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    everywhere = QPointF(9, 9), Qt.DropAction.CopyAction, data
    event = QDropEvent(*everywhere, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    viewer.window._qt_viewer.dropEvent(event)


def picture(folder, name):
    data = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    path = folder / name
    Image.fromarray(data).save(path)
    return path, data


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.tif", "a.tiff", "a.webp", "a.bmp"])
def test_a_dropped_picture_opens_without_a_question(viewer, questions, tmp_path, name):
    path, data = picture(tmp_path, name)
    drop(viewer, path)
    assert questions == []
    (layer,) = viewer.layers
    assert np.shape(layer.data) == data.shape


def test_a_dropped_ome_zarr_opens_with_its_pixel_size(viewer, questions, tmp_path):
    """napari's own reader claims all folders, and so napari asks; it would ignore the pixel size."""
    image = np.zeros((2, 20, 30), np.uint8)
    path = write_image(
        tmp_path / "a.ome.zarr", image, "CYX", scale=(1, 0.5, 0.25), units=("pixel", "um", "um")
    )
    drop(viewer, path)
    assert questions == ["Choose reader"]
    assert [layer.name for layer in viewer.layers] == ["a: Channel 0", "a: Channel 1"]
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, (0.5, 0.25))


@pytest.fixture
def choose(monkeypatch):
    """Files that the user picks in the dialog, which belongs to the operating system."""
    chosen = []
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in chosen], "")
    )
    return chosen


def test_the_file_menu_has_the_command(viewer):
    items = get_app_model().menus.get_menu("napari/file/io_utilities")
    titles = {item.command.id: item.command.title for item in items if isinstance(item, MenuItem)}
    assert "Calibration" in titles[COMMAND]


def test_the_command_opens_channels_with_pixel_size_and_names(viewer, choose, tmp_path):
    channels = [Channel("DAPI", "#0000ff", (1, 90)), Channel("GFP", "#00ff00", (2, 80))]
    stack = np.zeros((3, 2, 20, 30), np.uint16)
    choose.append(
        write_image(
            tmp_path / "cells.tif", stack, "ZCYX", scale=(0.5, 1, 0.1, 0.1), channels=channels,
            units=("micrometer", "pixel", "micrometer", "micrometer"),
        )
    )  # fmt: skip
    choose.append(picture(tmp_path, "photo.png")[0])
    get_app_model().commands.execute_command(COMMAND).result()
    assert [layer.name for layer in viewer.layers] == ["cells: DAPI", "cells: GFP", "photo"]
    np.testing.assert_allclose(viewer.layers[0].scale, (0.5, 0.1, 0.1))
    assert viewer.layers[2].rgb


def test_the_command_reports_a_damaged_file_and_opens_the_others(viewer, choose, tmp_path):
    from napari.utils.notifications import notification_manager

    heard = len(notification_manager.records)
    (tmp_path / "bad.tif").write_bytes(b"text")
    choose.extend([tmp_path / "bad.tif", picture(tmp_path, "good.png")[0]])
    get_app_model().commands.execute_command(COMMAND).result()
    assert [layer.name for layer in viewer.layers] == ["good"]
    said = [str(record.message) for record in notification_manager.records[heard:]]
    assert len(said) == 1
    assert "bad.tif" in said[0].lower()


def test_closing_the_dialog_changes_nothing(viewer, choose):
    get_app_model().commands.execute_command(COMMAND).result()
    assert len(viewer.layers) == 0
