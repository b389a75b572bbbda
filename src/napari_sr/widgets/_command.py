"""The command in napari's Layers menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sr.errors import NapariSRError
from napari_sr.layers import snapshot
from napari_sr.widgets._report import report

if TYPE_CHECKING:
    import napari

__all__ = ["open_upscale"]


def open_upscale(viewer: napari.Viewer) -> None:
    """Open the Upscale widget with the selected layer chosen; say so if that cannot be upscaled.

    Parameters
    ----------
    viewer : napari.Viewer
        Filled in by napari.
    """
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Upscale")
    dock.show()
    dock.raise_()
    widget.setFocus()
    try:
        snapshot(viewer.layers.selection.active)
    except NapariSRError as error:
        report(error)
