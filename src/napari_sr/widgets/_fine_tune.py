"""The Fine-tune dock widget: a layer, a model to begin with, some minutes, a button."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
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
from napari_sr.widgets._docked import Docked
from napari_sr.widgets._fine_tune_texts import LABELS, NOTES, TOOLTIPS
from napari_sr.widgets._jobs import INFERENCE, Job
from napari_sr.widgets._labels import ScrollColumn, WrappedLabel
from napari_sr.widgets._layer_combo import LayerCombo
from napari_sr.widgets._model_combo import ModelCombo
from napari_sr.widgets._report import report

if TYPE_CHECKING:
    from collections.abc import Generator

    import napari.viewer

__all__ = ["FineTuneWidget"]

_LOOK_MS = 100


class FineTuneWidget(Docked[Job]):
    """Make a model of one's own out of another and an image layer.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Whose layers can be learnt from.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(Job.cancel, parent)
        self.layer = LayerCombo(napari_viewer.layers, self)
        self.base = ModelCombo(parent=self)
        self.scale = QComboBox(self)
        self.minutes = QDoubleSpinBox(self)
        self.minutes.setRange(0.1, 600)
        self.minutes.setDecimals(1)
        self.minutes.setValue(2)
        self.minutes.setSuffix(LABELS["minutes_suffix"])
        self.name = QLineEdit(self)
        self.name.setPlaceholderText(LABELS["name_hint"])
        self.start, self.stop = QPushButton(LABELS["start"]), QPushButton(LABELS["cancel"])
        self.progress, self.note = QProgressBar(self), WrappedLabel()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._arrange()
        self._connect()
        self._offer_scales()
        self._show_idle("")

    def fine_tune(self) -> None:
        """Begin, as a click on the button does; returns at once."""
        if self.running:
            return
        try:
            source = snapshot(self.layer.target)
        except NapariSRError as error:
            report(error)
            return
        options = {
            "model": self.base.card.id,
            "minutes": self.minutes.value(),
            "scale": self.scale.currentData(),
            "name": self.name.text().strip() or None,
            "axes": source.axes,
        }
        self._work.append(INFERENCE.submit(Job(partial(_steps, source.data, options))))
        self.start.setEnabled(False)
        self.stop.setVisible(True)
        self.stop.setEnabled(True)
        self.progress.setRange(0, 0)
        self.progress.setVisible(True)
        self._look()
        self._timer.start()

    def cancel(self) -> None:
        """Stop; nothing is kept."""
        for job in self._work:
            job.cancel()
            self.stop.setEnabled(False)
            self.note.setText(NOTES["cancelling"])

    def _arrange(self) -> None:
        content, form, buttons = QWidget(), QFormLayout(), QHBoxLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for name in ("layer", "base", "scale", "minutes", "name"):
            control = getattr(self, name)
            control.setToolTip(TOOLTIPS[name])
            form.addRow(LABELS[name], control)
        for button, name in ((self.start, "start"), (self.stop, "cancel")):
            button.setToolTip(TOOLTIPS[name])
            buttons.addWidget(button)
        column = QVBoxLayout(content)
        what = WrappedLabel()
        what.setText(LABELS["what"])
        column.addWidget(what)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.note)
        column.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(ScrollColumn(content))

    def _connect(self) -> None:
        self.start.clicked.connect(self.fine_tune)
        self.stop.clicked.connect(self.cancel)
        self.base.currentIndexChanged.connect(self._offer_scales)
        self._timer.timeout.connect(self._look)

    def _offer_scales(self, _index: int = 0) -> None:
        self.scale.clear()
        for scale in local_scales(self.base.card):
            self.scale.addItem(f"×{scale}", scale)

    def _look(self) -> None:
        for job in list(self._work):
            if job.finished:
                self._work.remove(job)
                self._timer.stop()
                self._show_idle(_end(job))
            elif not job.cancelled:
                self._show_progress(job)

    def _show_progress(self, job: Job) -> None:
        state = job.progress
        if state is None:
            self.note.setText(NOTES["preparing" if job.started else "waiting"])
            return
        self.progress.setRange(0, round(10 * state.budget))
        self.progress.setValue(round(10 * state.seconds))
        self.note.setText(
            NOTES["learning"].format(done=state.seconds, total=state.budget, gain=state.gain)
        )

    def _show_idle(self, note: str) -> None:
        self.start.setEnabled(True)
        self.stop.setVisible(False)
        self.progress.setVisible(False)
        self.note.setText(note)


def _steps(image: Any, options: dict[str, Any]) -> Generator[Any, None, Any]:
    """What the job does, in its thread."""
    from napari_sr.training import fine_tune_steps

    return (yield from fine_tune_steps(image, **options))


def _end(job: Job) -> str:
    """Tell how it ended."""
    if job.cancelled:
        return NOTES["cancelled"]
    if job.error is not None:
        report(job.error)
        return NOTES["failed"]
    made = job.result
    note = "too_sharp" if made.too_sharp else "kept" if made.card is None else "won"
    name = made.card.title if made.card else ""
    return NOTES[note].format(
        name=name, gain=made.gain, soft=made.blurred_gain, base=made.base, tiles=made.tiles
    )
