"""The Upscale dock widget, and the command in napari's Layers menu that opens it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from napari.settings import get_settings
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr._text import format_seconds
from napari_sr.errors import NapariSRError
from napari_sr.layers import snapshot, visible_part
from napari_sr.widgets._dock import DockWidget
from napari_sr.widgets._errors import show_error
from napari_sr.widgets._form import UpscaleForm
from napari_sr.widgets._planner import Planner
from napari_sr.widgets._run import UpscaleRun, insert_result
from napari_sr.widgets._run_bar import RunBar
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    import napari
    import napari.viewer
    from napari.layers import Image

__all__ = ["UpscaleWidget", "open_upscale"]


class UpscaleWidget(DockWidget[UpscaleRun]):
    """Upscale an image layer.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer with the layers.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, UpscaleRun.close, parent)
        self._layers = napari_viewer.layers
        self._dims = napari_viewer.dims
        self.form = UpscaleForm(self._layers, self)
        self.planner = Planner(self.form)
        self.bar = RunBar(self)
        column = QVBoxLayout(content)
        column.addWidget(self.form)
        column.addWidget(self.bar)
        column.addStretch(1)
        self.bar.start_asked.connect(self.upscale)
        self.bar.cancel_asked.connect(self.cancel)
        self.bar.link_followed.connect(self._slice_asynchronously)
        self.planner.planned.connect(self.bar.plan.setText)
        self.planner.request()

    def upscale(self) -> None:
        """Upscale the chosen layer, as a click on the button does; returns at once."""
        if self.running:
            return
        layer = self.form.layer.target
        try:
            source = snapshot(layer)
        except NapariSRError as error:
            self.bar.show_idle("")
            show_error(error)
            return
        run = UpscaleRun(
            layer,
            self._layers.selection.active,
            source,
            self.form.options(source),
            self.planner.plan,
            lazy=self.form.wants_lazy(source),
            pyramid=self.form.wants_pyramid(source),
            view=visible_part(self._dims, layer) if source.lazy else None,
        )
        run.start()
        self._start_work(run)
        self.bar.show_running(run.note())

    def cancel(self) -> None:
        """Stop the run; nothing is added."""
        for run in self._work:
            run.job.cancel()
            self.bar.show_cancelling()

    def _slice_asynchronously(self, _link: str) -> None:
        """Let napari compute slices in threads. Only at the user's wish: it is a setting of all of napari."""
        get_settings().experimental.async_ = True
        self.bar.show_idle(UPSCALE.notes["asynchronous_on"])

    def _poll(self) -> None:
        for run in list(self._work):
            if run.poll():
                self._end_work(run)
                self.planner.request()  # with the speed that was measured in the run
                self.bar.show_idle(self._finish(run))
                run.close()
            else:
                self.bar.show_running(run.note(), *run.fraction)

    def _finish(self, run: UpscaleRun) -> str:
        """Add the result, or show why there is none; returns a note about it."""
        if run.cancelled:
            return UPSCALE.notes["cancelled"]
        if run.job.error is not None:
            show_error(run.job.error)
            return UPSCALE.notes["failed"]
        # The source remains the target, so that another model can be tried on it with the next click.
        with self.form.layer.hold():
            result = insert_result(self._layers, run)
        return _success(result, run.elapsed)


def open_upscale(viewer: napari.Viewer) -> None:
    """Open the Upscale widget for the selected layer, or show why that cannot be upscaled.

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
        show_error(error)


def _success(result: Image, elapsed: float) -> str:
    """A note about a new layer, and for a lazy one the hint how napari can compute it in the background."""
    if "computed" not in result.metadata["napari_sr"]:
        seconds = format_seconds(elapsed)
        return UPSCALE.notes["done"].format(name=result.name, seconds=seconds)
    hint = "" if get_settings().experimental.async_ else UPSCALE.notes["asynchronous"]
    name = escape(result.name) if hint else result.name  # a note with a link is HTML
    return UPSCALE.notes["lazy_done"].format(name=name) + hint
