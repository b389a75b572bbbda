"""The buttons of the Models widget, and how far a download is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_sr.widgets._describe import describe_bytes
from napari_sr.widgets._labels import WrappedLabel
from napari_sr.widgets._models_texts import LABELS, NOTES, TOOLTIPS

__all__ = ["ModelsBar"]


class ModelsBar(QWidget):
    """Download, cancel, import, remove, open the paper.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    asked = Signal(str)
    """A button was pressed: ``download``, ``cancel``, ``import``, ``remove`` or ``paper``."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        names = ("download", "cancel", "import", "remove", "paper")
        self.buttons = {name: self._button(name) for name in names}
        self.progress = QProgressBar(self)
        self.note = WrappedLabel()
        grid = QGridLayout()
        grid.addWidget(self.buttons["download"], 0, 0, 1, 2)
        grid.addWidget(self.buttons["cancel"], 0, 2)
        for at, name in enumerate(names[2:]):
            grid.addWidget(self.buttons[name], 1, at)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(grid)
        column.addWidget(self.progress)
        column.addWidget(self.note)
        self.show_idle("")

    def offer(self, *, size: int, removable: bool, paper: bool) -> None:
        """Enable what can be done with the chosen model; ``size``: bytes to download, 0 for none."""
        text = LABELS["download_size"].format(size=describe_bytes(size))
        self.buttons["download"].setText(text if size else LABELS["download"])
        self.buttons["download"].setEnabled(bool(size) and not self.busy)
        self.buttons["remove"].setEnabled(removable and not self.busy)
        self.buttons["import"].setEnabled(not self.busy)
        self.buttons["paper"].setEnabled(paper)

    @property
    def busy(self) -> bool:
        """Whether something goes on that can be cancelled."""
        return self.buttons["cancel"].isEnabled()

    def show_idle(self, note: str) -> None:
        """Nothing goes on; the note says how the last thing ended."""
        self.buttons["cancel"].setEnabled(False)
        self.progress.setVisible(False)
        self._note(note)

    def show_running(self, note: str, done: int = 0, total: int = 0) -> None:
        """Something goes on: ``done`` of ``total`` bytes, where 0 of 0 is not known yet."""
        self.buttons["cancel"].setEnabled(True)
        # a progress bar counts in 32 bits
        self.progress.setRange(0, total // 1024)
        self.progress.setValue(done // 1024)
        self.progress.setVisible(True)
        self._note(note)

    def show_cancelling(self) -> None:
        """It will stop with the next bytes."""
        self._note(NOTES["cancelling"])

    def _note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _button(self, name: str) -> QPushButton:
        button = QPushButton(LABELS[name], self)
        button.setToolTip(TOOLTIPS[name])
        button.clicked.connect(lambda: self.asked.emit(name))
        return button
