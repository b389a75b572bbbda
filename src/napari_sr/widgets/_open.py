"""The command in napari's File menu that opens images with their calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.history import get_open_history, update_open_history
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sr.errors import NapariSRError
from napari_sr.io import READABLE_SUFFIXES, read_layers
from napari_sr.widgets._errors import show_error

if TYPE_CHECKING:
    import napari

__all__ = ["open_images"]


def open_images(viewer: napari.Viewer) -> None:
    """Choose image files and add them with pixel size, position and units, each channel as a layer.

    napari's own reader ignores all of these. It would ask which reader to use at every file if ours claimed the same
    formats.

    Parameters
    ----------
    viewer : napari.Viewer
        Filled in by napari.
    """
    patterns = " ".join(f"*{suffix}" for suffix in READABLE_SUFFIXES if suffix != ".zarr")
    paths, _ = QFileDialog.getOpenFileNames(
        QApplication.activeWindow(),
        "Open images with calibration",
        get_open_history()[0],
        f"Images ({patterns});;All files (*)",
    )
    for path in paths:
        try:
            layers = read_layers(path)
        except NapariSRError as error:
            show_error(error)
            continue
        for data, attributes, _ in layers:
            viewer.add_image(data, **attributes)
    if paths:
        update_open_history(paths[0])
