"""The choice of a model, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel

from napari_sr.models import list_models, local_scales
from napari_sr.widgets._controls import NarrowCombo
from napari_sr.widgets._describe import describe_card, describe_provenance
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtWidgets import QWidget

    from napari_sr.models import ModelCard

__all__ = ["ModelCombo"]


class ModelCombo(NarrowCombo):
    """Lists the models that are on this machine, under the headings of their groups.

    Parameters
    ----------
    default : str
        Id of the model that is current at first, if the catalog has it.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, default: str = "ecbsr", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, ModelCard] = {}
        self.setToolTip(UPSCALE.tooltips["model"])
        self._list(default)

    @property
    def card(self) -> ModelCard:
        """Card of the current model."""
        return self._cards[self.currentData()]

    @property
    def summary(self) -> str:
        """Purpose and native scales of the current model."""
        return describe_card(self.card)

    def choose(self, model: str) -> None:
        """Make a model the current one, by its id."""
        self.setCurrentIndex(self.findData(model))

    def showPopup(self) -> None:
        """Open the list; models that have been added meanwhile are in it."""
        self._list(self.card.id)
        super().showPopup()

    def _list(self, chosen: str) -> None:
        known = list_models()
        cards = {card.id: card for card in known if local_scales(card)}
        if cards == self._cards:
            return
        blocker = QSignalBlocker(self)
        self._cards = cards
        self.setModel(_items(cards.values(), len(known) - len(cards), self))
        self.choose(chosen if chosen in cards else next(iter(cards)))
        blocker.unblock()
        if self.currentData() != chosen:
            self.currentIndexChanged.emit(self.currentIndex())


def _items(cards: Iterable[ModelCard], others: int, parent: QWidget) -> QStandardItemModel:
    model = QStandardItemModel(parent)
    groups: dict[str, list[ModelCard]] = {}
    for card in cards:
        groups.setdefault(card.group, []).append(card)
    for group, members in groups.items():
        model.appendRow(_heading(group))
        for card in members:
            model.appendRow(_item(card))
    if others:
        more = _heading(UPSCALE.labels["more_models"].format(count=others))
        more.setToolTip(UPSCALE.tooltips["more_models"])
        model.appendRow(more)
    return model


def _heading(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)  # visible, but not selectable
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _item(card: ModelCard) -> QStandardItem:
    item = QStandardItem(card.title)
    item.setData(card.id, Qt.ItemDataRole.UserRole)
    item.setToolTip(f"{card.summary}\n{describe_provenance(card)}")
    return item
