"""The choice of a model, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel

from napari_sr.models import list_models
from napari_sr.widgets._describe import describe_card, describe_provenance
from napari_sr.widgets._labels import NarrowCombo
from napari_sr.widgets._texts import TOOLTIPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtWidgets import QWidget

    from napari_sr.models import ModelCard

__all__ = ["ModelCombo"]


class ModelCombo(NarrowCombo):
    """Lists the models of the catalog under the headings of their groups.

    Parameters
    ----------
    default : str
        Id of the model that is chosen at first, if the catalog has it.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, default: str = "ecbsr", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        cards = list_models()
        self._cards = {card.id: card for card in cards}
        self.setModel(_items(cards, self))
        self.setToolTip(TOOLTIPS["model"])
        self.choose(default if default in self._cards else next(iter(self._cards)))

    @property
    def card(self) -> ModelCard:
        """Card of the chosen model."""
        return self._cards[self.currentData()]

    @property
    def summary(self) -> str:
        """What the chosen model is good for, and the scales it was trained for."""
        return describe_card(self.card)

    def choose(self, model: str) -> None:
        """Choose a model by its id."""
        self.setCurrentIndex(self.findData(model))


def _items(cards: Iterable[ModelCard], parent: QWidget) -> QStandardItemModel:
    model = QStandardItemModel(parent)
    groups: dict[str, list[ModelCard]] = {}
    for card in cards:
        groups.setdefault(card.group, []).append(card)
    for group, members in groups.items():
        model.appendRow(_heading(group))
        for card in members:
            model.appendRow(_item(card))
    return model


def _heading(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)  # can be read, not chosen
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _item(card: ModelCard) -> QStandardItem:
    item = QStandardItem(card.title)
    item.setData(card.id, Qt.ItemDataRole.UserRole)
    item.setToolTip(f"{card.summary}\n{describe_provenance(card)}")
    return item
