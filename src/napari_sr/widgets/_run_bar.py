"""The lower part of the Upscale widget: plan, buttons, progress bar and note."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets._controls import WrappedLabel
from napari_sr.widgets._texts import UPSCALE

__all__ = ["RunBar"]


class RunBar(QWidget):
    """Shows the plan, starts, cancels and watches a run.

    Parameters
    ----------
    parent : QWidget
        The shortcuts work while the keyboard focus is in it.
    """

    start_asked = Signal()
    cancel_asked = Signal()
    link_followed = Signal(str)
    """A link in the note was clicked; the argument is its address."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.plan = WrappedLabel(lines=4)  # what a plan takes in a dock of usual width
        self.start = self._button("upscale", self.start_asked)
        self.cancel = self._button("cancel", self.cancel_asked)
        self.progress = QProgressBar(self)
        self.note = WrappedLabel()
        self.note.setTextFormat(Qt.TextFormat.AutoText)  # it may have a link
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
        """Show that nothing runs; the note says how the last run ended."""
        self.start.setEnabled(True)
        self.cancel.setText(UPSCALE.labels["cancel"])
        self.cancel.setVisible(False)
        self.progress.setVisible(False)
        self._note(note)

    def show_running(self, note: str, done: int = 0, total: int = 0) -> None:
        """Show a run: ``done`` of ``total`` tiles are done; both are 0 while that is unknown."""
        self.start.setEnabled(False)
        self.cancel.setVisible(True)
        self.cancel.setEnabled(self.cancel.text() == UPSCALE.labels["cancel"])
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.progress.setVisible(True)
        self._note(note)

    def show_cancelling(self) -> None:
        """Show that the run is about to stop."""
        self.cancel.setText(UPSCALE.labels["cancelling"])
        self.cancel.setEnabled(False)
        self._note(UPSCALE.notes["cancelling"])

    def _note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _button(self, name: str, signal: Signal) -> QPushButton:
        button = QPushButton(UPSCALE.labels[name], self)
        keys = QKeySequence(UPSCALE.shortcuts[name])
        button.setToolTip(
            UPSCALE.tooltips[name].format(
                shortcut=keys.toString(QKeySequence.SequenceFormat.NativeText)
            )
        )
        button.clicked.connect(signal)
        shortcut = QShortcut(keys, self.parentWidget())
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(button.click)
        return button
