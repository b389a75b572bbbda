"""The list of models, in groups, with what can be told of each in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sr.models import GROUPS, is_local, list_models, local_scales
from napari_sr.widgets._describe import describe_bytes
from napari_sr.widgets._models_texts import COLUMNS, LABELS, SHOW, TOOLTIPS

if TYPE_CHECKING:
    from napari_sr.models import ModelCard

__all__ = ["ModelsList"]

_LEAST = 330, 180
"""Width and height in pixels below which the list is of no use: names would be cut off."""


class ModelsList(QWidget):
    """Filter and list of the models in the catalog.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    chosen = Signal()
    """Another model was chosen, or none, or what is known of it has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(LABELS["filter"])
        self.filter.setToolTip(TOOLTIPS["filter"])
        self.filter.setClearButtonEnabled(True)
        self.show_only = QComboBox(self)
        self.show_only.addItems(SHOW)
        self.show_only.setToolTip(TOOLTIPS["show"])
        self.tree = _tree(self)
        self._cards: dict[str, ModelCard] = {}
        self._arrange()
        self.filter.textChanged.connect(self._sift)
        self.show_only.currentIndexChanged.connect(self._sift)
        self.tree.currentItemChanged.connect(self._on_chosen)
        self.refresh()

    @property
    def card(self) -> ModelCard | None:
        """Card of the chosen model, if one is chosen and shown."""
        item = self.tree.currentItem()
        if item is None or item.isHidden():
            return None
        return self._cards.get(item.data(0, Qt.ItemDataRole.UserRole) or "")

    @property
    def shown(self) -> list[str]:
        """Ids of the models that are listed now."""
        return [model for model, item in self._items() if not item.isHidden()]

    def choose(self, model: str) -> None:
        """Choose a model by its id."""
        for each, item in self._items():
            if each == model:
                self.tree.setCurrentItem(item)
                self.tree.scrollToItem(item)

    def refresh(self) -> None:
        """Read the catalog again; the choice stays."""
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
        self._sift()
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

    def _sift(self, _changed: object = None) -> None:
        """Hide what does not fit the filter, and groups without members."""
        words = self.filter.text().casefold().split()
        for model, item in self._items():
            item.setHidden(not self._fits(self._cards[model], words))
        for at in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(at)
            if group is not None:
                members = [group.child(each) for each in range(group.childCount())]
                group.setHidden(all(each is None or each.isHidden() for each in members))
        self.chosen.emit()

    def _fits(self, card: ModelCard, words: list[str]) -> bool:
        only = self.show_only.currentIndex()
        if only and is_local(card) != (only == 1):
            return False
        text = " ".join((card.id, card.title, card.summary, card.license, card.paper, card.group))
        return all(word in text.casefold() for word in words)

    def _on_chosen(self, *_: object) -> None:
        self.chosen.emit()


def _tree(parent: QWidget) -> QTreeWidget:
    tree = QTreeWidget(parent)
    tree.setHeaderLabels(COLUMNS)
    tree.setToolTip(TOOLTIPS["list"])
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
    group.setFlags(Qt.ItemFlag.ItemIsEnabled)  # can be read, not chosen
    font = group.font(0)
    font.setBold(True)
    group.setFont(0, font)
    for card in members:
        group.addChild(_item(card))
    return group


def _item(card: ModelCard) -> QTreeWidgetItem:
    item = QTreeWidgetItem([card.title, _here(card), _short(card.license)])
    item.setData(0, Qt.ItemDataRole.UserRole, card.id)
    item.setToolTip(0, f"{card.title}: {card.summary}")
    item.setToolTip(2, card.license)
    return item


def _here(card: ModelCard) -> str:
    """Whether a model is on this machine, or how large the download would be."""
    local = local_scales(card)
    if local == card.scales:
        return LABELS["here"]
    size = sum(each.size or 0 for each in card.checkpoints if each.scale not in local)
    return describe_bytes(size)


def _short(license: str) -> str:
    return license.partition(" (")[0]
