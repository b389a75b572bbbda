"""The buttons, the progress bar and the lines around them."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets._labels import WrappedLabel
from napari_sr.widgets._texts import LABELS, NOTES, SHORTCUTS, TOOLTIPS

__all__ = ["RunBar"]


class RunBar(QWidget):
    """Start, cancel and watch a run.

    Parameters
    ----------
    parent : QWidget
        Within which the shortcuts work.
    """

    start_asked = Signal()
    cancel_asked = Signal()
    link_followed = Signal(str)
    """In the note, to the address that it has there."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.plan = WrappedLabel()
        self.start = self._button("upscale", self.start_asked)
        self.cancel = self._button("cancel", self.cancel_asked)
        self.progress = QProgressBar(self)
        self.note = WrappedLabel()
        self.note.linkActivated.connect(self.link_followed)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, stretch=2)
        buttons.addWidget(self.cancel, stretch=1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.plan)
        column.addLayout(buttons)
        column.addWidget(self.progress)
        column.addWidget(self.note)
        self.show_idle("")

    def show_idle(self, note: str) -> None:
        """Nothing runs; the note says how the last run ended."""
        self.start.setEnabled(True)
        self.cancel.setText(LABELS["cancel"])
        self.cancel.setVisible(False)
        self.progress.setVisible(False)
        self._note(note)

    def show_running(self, note: str, done: int = 0, total: int = 0) -> None:
        """A run goes on: ``done`` of ``total`` tiles, where 0 of 0 is not known yet."""
        self.start.setEnabled(False)
        self.cancel.setVisible(True)
        self.cancel.setEnabled(self.cancel.text() == LABELS["cancel"])
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.setVisible(True)
        self._note(note)

    def show_cancelling(self) -> None:
        """A run will stop soon."""
        self.cancel.setText(LABELS["cancelling"])
        self.cancel.setEnabled(False)
        self._note(NOTES["cancelling"])

    def _note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _button(self, name: str, signal: Signal) -> QPushButton:
        button = QPushButton(LABELS[name], self)
        keys = QKeySequence(SHORTCUTS[name])
        button.setToolTip(
            TOOLTIPS[name].format(shortcut=keys.toString(QKeySequence.SequenceFormat.NativeText))
        )
        button.clicked.connect(signal)
        shortcut = QShortcut(keys, self.parentWidget())
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(button.click)
        return button
