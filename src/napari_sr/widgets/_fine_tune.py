"""The Fine-tune dock widget: trains a model on an image layer for some minutes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sr.errors import NapariSRError
from napari_sr.layers import snapshot
from napari_sr.models import local_scales
from napari_sr.widgets._controls import WrappedLabel
from napari_sr.widgets._dock import DockWidget
from napari_sr.widgets._errors import show_error
from napari_sr.widgets._jobs import INFERENCE, Job
from napari_sr.widgets._layer_combo import LayerCombo
from napari_sr.widgets._model_combo import ModelCombo
from napari_sr.widgets._texts import FINE_TUNE

if TYPE_CHECKING:
    from collections.abc import Generator

    import napari.viewer

__all__ = ["FineTuneWidget"]

_MINUTES = (0.1, 600)
"""Shortest and longest training: a few steps on a fast computer, and ten hours."""
_STEPS = 10
"""Steps of the progress bar for each second."""


class FineTuneWidget(DockWidget[Job]):
    """Train a model on an image layer, starting from another model.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer with the layers.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, Job.cancel, parent)
        self.layer = LayerCombo(napari_viewer.layers, self)
        self.base = ModelCombo(parent=self)
        self.scale = QComboBox(self)
        self.minutes = QDoubleSpinBox(self)
        self.minutes.setRange(*_MINUTES)
        self.minutes.setDecimals(1)
        self.minutes.setValue(2)
        self.minutes.setSuffix(FINE_TUNE.labels["minutes_suffix"])
        self.name = QLineEdit(self)
        self.name.setPlaceholderText(FINE_TUNE.labels["name_hint"])
        self.start = QPushButton(FINE_TUNE.labels["start"])
        self.stop = QPushButton(FINE_TUNE.labels["cancel"])
        self.progress, self.note = QProgressBar(self), WrappedLabel()
        self._arrange(content)
        self.start.clicked.connect(self.fine_tune)
        self.stop.clicked.connect(self.cancel)
        self.base.currentIndexChanged.connect(self._offer_scales)
        self._offer_scales()
        self._show_idle("")

    def fine_tune(self) -> None:
        """Start training, as a click on the button does; returns at once."""
        if self.running:
            return
        try:
            source = snapshot(self.layer.target)
        except NapariSRError as error:
            show_error(error)
            return
        options = {
            "model": self.base.card.id,
            "minutes": self.minutes.value(),
            "scale": self.scale.currentData(),
            "name": self.name.text().strip() or None,
            "axes": source.axes,
        }
        self._start_work(INFERENCE.submit(Job(partial(_train_steps, source.data, options))))
        self.start.setEnabled(False)
        self.stop.setVisible(True)
        self.stop.setEnabled(True)
        self.progress.setRange(0, 0)
        self.progress.setVisible(True)
        self._poll()

    def cancel(self) -> None:
        """Stop training; nothing is kept."""
        for job in self._work:
            job.cancel()
            self.stop.setEnabled(False)
            self.note.setText(FINE_TUNE.notes["cancelling"])

    def _arrange(self, content: QWidget) -> None:
        form, buttons = QFormLayout(), QHBoxLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name in ("layer", "base", "scale", "minutes", "name"):
            control = getattr(self, name)
            control.setToolTip(FINE_TUNE.tooltips[name])
            form.addRow(FINE_TUNE.labels[name], control)
        for button, name in ((self.start, "start"), (self.stop, "cancel")):
            button.setToolTip(FINE_TUNE.tooltips[name])
            buttons.addWidget(button)
        what = WrappedLabel()
        what.setText(FINE_TUNE.labels["what"])
        column = QVBoxLayout(content)
        column.addWidget(what)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.note)
        column.addStretch(1)

    def _offer_scales(self, _index: int = 0) -> None:
        self.scale.clear()
        for scale in local_scales(self.base.card):
            self.scale.addItem(f"×{scale}", scale)

    def _poll(self) -> None:
        for job in list(self._work):
            if job.finished:
                self._end_work(job)
                self._show_idle(_finish(job))
            elif not job.cancelled:
                self._show_progress(job)

    def _show_progress(self, job: Job) -> None:
        state = job.progress
        if state is None:
            self.note.setText(FINE_TUNE.notes["preparing" if job.started else "waiting"])
            return
        self.progress.setRange(0, round(_STEPS * state.budget))
        self.progress.setValue(round(_STEPS * state.seconds))
        self.note.setText(
            FINE_TUNE.notes["learning"].format(
                done=state.seconds, total=state.budget, gain=state.gain
            )
        )

    def _show_idle(self, note: str) -> None:
        self.start.setEnabled(True)
        self.stop.setVisible(False)
        self.progress.setVisible(False)
        self.note.setText(note)


def _train_steps(image: Any, options: dict[str, Any]) -> Generator[Any, None, Any]:
    """Train; runs in the other thread, where PyTorch is imported."""
    from napari_sr.training import fine_tune_steps

    return (yield from fine_tune_steps(image, **options))


def _finish(job: Job) -> str:
    """Show the error of a finished job, if there is one; returns a note about its result."""
    if job.cancelled:
        return FINE_TUNE.notes["cancelled"]
    if job.error is not None:
        show_error(job.error)
        return FINE_TUNE.notes["failed"]
    made = job.result
    note = "too_sharp" if made.too_sharp else "kept" if made.card is None else "won"
    name = made.card.title if made.card else ""
    return FINE_TUNE.notes[note].format(
        name=name, gain=made.gain, soft=made.blurred_gain, base=made.base, tiles=made.tiles
    )
