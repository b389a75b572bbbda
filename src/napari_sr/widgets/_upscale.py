"""The Upscale dock widget: options, what will happen, a button, progress."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr.errors import NapariSRError
from napari_sr.layers import snapshot, visible_part
from napari_sr.widgets._describe import describe_seconds
from napari_sr.widgets._docked import Docked
from napari_sr.widgets._form import UpscaleForm
from napari_sr.widgets._labels import ScrollColumn
from napari_sr.widgets._place import insert_companions, insert_result
from napari_sr.widgets._planner import Planner
from napari_sr.widgets._report import report
from napari_sr.widgets._run import UpscaleRun
from napari_sr.widgets._run_bar import RunBar
from napari_sr.widgets._texts import NOTES

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

__all__ = ["UpscaleWidget"]

_LOOK_MS = 40
"""How often the window looks at a run in the other thread."""


class UpscaleWidget(Docked[UpscaleRun]):
    """Upscale an image layer.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Whose layers can be upscaled.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(UpscaleRun.close, parent)
        self._layers = napari_viewer.layers
        self._dims = napari_viewer.dims
        self.form = UpscaleForm(self._layers, self)
        self.planner = Planner(self.form)
        self.bar = RunBar(self)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._arrange()
        self._connect()
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
            report(error)
            return
        active = self._layers.selection.active
        view = visible_part(self._dims, layer) if source.lazy else None
        options = {
            "lazy": self.form.is_lazy(source),
            "pyramid": self.form.wants_pyramid(source),
            "view": view,
            "plan": self.planner.plan,
        }
        options |= {**self.form.options, **self.form.extras(source)}
        run = UpscaleRun(layer, active, source, **options)
        self._work.append(run)
        run.start()
        self.bar.show_running(run.note())
        self._timer.start()

    def cancel(self) -> None:
        """Stop; nothing is added."""
        for run in self._work:
            run.job.cancel()
            self.bar.show_cancelling()

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.addWidget(self.form)
        column.addWidget(self.bar)
        column.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(ScrollColumn(content))

    def _connect(self) -> None:
        self.bar.start_asked.connect(self.upscale)
        self.bar.cancel_asked.connect(self.cancel)
        self.bar.link_followed.connect(self._follow)
        self.planner.planned.connect(self.bar.plan.setText)
        self._timer.timeout.connect(self._look)

    def _follow(self, _link: str) -> None:
        """Let napari slice layers in threads, at the user's wish: it is a setting of all of napari."""
        get_settings().experimental.async_ = True
        self.bar.show_idle(NOTES["asynchronous_on"])

    def _look(self) -> None:
        for run in list(self._work):
            if run.look():
                self._work.remove(run)
                self._timer.stop()
                self.planner.request()  # what a network really costs is known now
                self.bar.show_idle(self._end(run))
                run.close()
            else:
                self.bar.show_running(run.note(), *run.fraction)

    def _end(self, run: UpscaleRun) -> str:
        """Add the result, or report why there is none; returns a note about it."""
        if run.cancelled:
            return NOTES["cancelled"]
        if run.job.error is not None:
            report(run.job.error)
            return NOTES["failed"]
        result, *companions = _layers(run.job.result)
        # the choice stays on the source, so that another model can be tried on it with the next click
        with self.form.layer.hold():
            insert_result(self._layers, result, run.layer, run.active)
            insert_companions(self._layers, companions, result)
        return _success(result, run.elapsed)


def _layers(result: Image | tuple[Image, ...]) -> tuple[Image, ...]:
    return result if isinstance(result, tuple) else (result,)


def _success(result: Image, elapsed: float) -> str:
    """A note about a new layer; how to keep the window alive while napari computes more of a lazy one."""
    finest = result.data[0] if result.multiscale else result.data
    if isinstance(finest, np.ndarray):
        return NOTES["done"].format(name=result.name, seconds=describe_seconds(elapsed))
    hint = "" if get_settings().experimental.async_ else NOTES["asynchronous"]
    name = escape(result.name) if hint else result.name  # with a link in it, the note is HTML
    return NOTES["lazy_done"].format(name=name) + hint
