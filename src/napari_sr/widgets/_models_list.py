"""The list of models in the Models widget, and the buttons below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sr._text import format_bytes
from napari_sr.models import GROUPS, is_local, list_models, local_scales
from napari_sr.widgets._controls import WrappedLabel
from napari_sr.widgets._texts import MODELS

if TYPE_CHECKING:
    from napari_sr.models import ModelCard

__all__ = ["ModelsBar", "ModelsList"]

_LEAST = 330, 180
"""Least width and height of the list in pixels: names are not cut off, and some rows are visible."""


class ModelsList(QWidget):
    """The models of the catalog in groups, with a filter.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    chosen = Signal()
    """Another model or none is selected, or the catalog has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(MODELS.labels["filter"])
        self.filter.setToolTip(MODELS.tooltips["filter"])
        self.filter.setClearButtonEnabled(True)
        self.show_only = QComboBox(self)
        self.show_only.addItems([MODELS.labels[each] for each in ("all", "installed", "available")])
        self.show_only.setToolTip(MODELS.tooltips["show"])
        self.tree = _tree(self)
        self._cards: dict[str, ModelCard] = {}
        self._arrange()
        self.filter.textChanged.connect(self._apply_filter)
        self.show_only.currentIndexChanged.connect(self._apply_filter)
        self.tree.currentItemChanged.connect(self._on_chosen)
        self.refresh()

    @property
    def card(self) -> ModelCard | None:
        """Card of the selected model, if one is selected and visible."""
        item = self.tree.currentItem()
        if item is None or item.isHidden():
            return None
        return self._cards.get(item.data(0, Qt.ItemDataRole.UserRole) or "")

    @property
    def shown(self) -> list[str]:
        """Ids of the models that are visible."""
        return [model for model, item in self._items() if not item.isHidden()]

    def choose(self, model: str) -> None:
        """Select a model by its id."""
        for each, item in self._items():
            if each == model:
                self.tree.setCurrentItem(item)
                self.tree.scrollToItem(item)

    def refresh(self) -> None:
        """Read the catalog again; the selection stays."""
        before = self.card
        self._cards = {card.id: card for card in list_models()}
        self.tree.clear()
        for group in GROUPS:
            members = [card for card in self._cards.values() if card.group == group]
            if members:
                self.tree.addTopLevelItem(_group(group, members))
        for at in range(self.tree.topLevelItemCount()):
            self.tree.setFirstColumnSpanned(at, self.tree.rootIndex(), True)
        self.tree.expandAll()
        self._apply_filter()
        if before is not None:
            self.choose(before.id)
        self.chosen.emit()

    def _arrange(self) -> None:
        above = QHBoxLayout()
        above.addWidget(self.filter, stretch=3)
        above.addWidget(self.show_only, stretch=2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(above)
        column.addWidget(self.tree)

    def _items(self) -> list[tuple[str, QTreeWidgetItem]]:
        groups = [self.tree.topLevelItem(at) for at in range(self.tree.topLevelItemCount())]
        items = [group.child(at) for group in groups if group for at in range(group.childCount())]
        return [(item.data(0, Qt.ItemDataRole.UserRole), item) for item in items if item]

    def _apply_filter(self, _changed: object = None) -> None:
        """Hide models that do not match the filter, and groups without visible members."""
        words = self.filter.text().casefold().split()
        for model, item in self._items():
            item.setHidden(not self._matches(self._cards[model], words))
        for at in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(at)
            if group is not None:
                members = [group.child(each) for each in range(group.childCount())]
                group.setHidden(all(each is None or each.isHidden() for each in members))
        self.chosen.emit()

    def _matches(self, card: ModelCard, words: list[str]) -> bool:
        only = self.show_only.currentIndex()
        if only and is_local(card) != (only == 1):
            return False
        text = " ".join((card.id, card.title, card.summary, card.license, card.paper, card.group))
        return all(word in text.casefold() for word in words)

    def _on_chosen(self, *_: object) -> None:
        self.chosen.emit()


class ModelsBar(QWidget):
    """Buttons to download, cancel, import, remove and open the paper, and the progress of a download.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    asked = Signal(str)
    """A button was pressed: ``"download"``, ``"cancel"``, ``"import"``, ``"remove"`` or ``"paper"``."""

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
        """Enable the buttons that apply to the selected model; ``size`` is the bytes to download, 0 for none."""
        text = MODELS.labels["download_size"].format(size=format_bytes(size))
        self.buttons["download"].setText(text if size else MODELS.labels["download"])
        self.buttons["download"].setEnabled(bool(size) and not self.busy)
        self.buttons["remove"].setEnabled(removable and not self.busy)
        self.buttons["import"].setEnabled(not self.busy)
        self.buttons["paper"].setEnabled(paper)

    @property
    def busy(self) -> bool:
        """Whether something is running that can be canceled."""
        return self.buttons["cancel"].isEnabled()

    def show_idle(self, note: str) -> None:
        """Show that nothing is running; the note says how the last task ended."""
        self.buttons["cancel"].setEnabled(False)
        self.progress.setVisible(False)
        self._note(note)

    def show_running(self, note: str, done: int = 0, total: int = 0) -> None:
        """Show a task: ``done`` of ``total`` bytes are done; both are 0 while that is unknown."""
        self.buttons["cancel"].setEnabled(True)
        # a progress bar counts in 32 bits, so in KiB
        self.progress.setRange(0, total // 1024)
        self.progress.setValue(done // 1024)
        self.progress.setVisible(True)
        self._note(note)

    def show_cancelling(self) -> None:
        """Show that the task is about to stop."""
        self._note(MODELS.notes["cancelling"])

    def _note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _button(self, name: str) -> QPushButton:
        button = QPushButton(MODELS.labels[name], self)
        button.setToolTip(MODELS.tooltips[name])
        button.clicked.connect(lambda: self.asked.emit(name))
        return button


def _tree(parent: QWidget) -> QTreeWidget:
    tree = QTreeWidget(parent)
    tree.setHeaderLabels([MODELS.labels[each] for each in ("model", "download_column", "license")])
    tree.setToolTip(MODELS.tooltips["list"])
    tree.setRootIsDecorated(False)
    tree.setIndentation(10)
    tree.setUniformRowHeights(True)
    tree.setMinimumSize(*_LEAST)
    tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = tree.header()
    if header is not None:
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return tree


def _group(title: str, members: list[ModelCard]) -> QTreeWidgetItem:
    group = QTreeWidgetItem([title])
    group.setFlags(Qt.ItemFlag.ItemIsEnabled)  # visible, but not selectable
    font = group.font(0)
    font.setBold(True)
    group.setFont(0, font)
    for card in members:
        group.addChild(_item(card))
    return group


def _item(card: ModelCard) -> QTreeWidgetItem:
    item = QTreeWidgetItem([card.title, _download(card), card.license.partition(" (")[0]])
    item.setData(0, Qt.ItemDataRole.UserRole, card.id)
    item.setToolTip(0, f"{card.title}: {card.summary}")
    item.setToolTip(2, card.license)
    return item


def _download(card: ModelCard) -> str:
    """Whether a model is on this machine, or the size of the download."""
    local = local_scales(card)
    if local == card.scales:
        return MODELS.labels["is_installed"]
    size = sum(each.size or 0 for each in card.checkpoints if each.scale not in local)
    return format_bytes(size)
