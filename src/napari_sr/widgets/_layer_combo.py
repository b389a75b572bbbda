"""The choice of an image layer, which follows the selection in the viewer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.compat import isalive
from qtpy.QtCore import QSignalBlocker, Signal

from napari_sr.widgets._controls import NarrowCombo
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import LayerList
    from napari.layers import Layer
    from qtpy.QtWidgets import QWidget

__all__ = ["LayerCombo"]

_alive: Callable[[QWidget], bool] = isalive
"""Whether Qt still has the widget: napari may call its Python object after Qt has deleted it."""


class LayerCombo(NarrowCombo):
    """Lists the image layers of a viewer, topmost first, and follows the active one.

    If the active layer is of another type, or nothing is selected, no item is current; `target` is still the selected
    layer, so that a message can say why it cannot be used.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    parent : QWidget, optional
        Qt parent.
    """

    target_changed = Signal()
    """Another layer is the target, or the data or name of a layer has changed."""

    def __init__(self, layers: LayerList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._images: list[Layer] = []
        self._target: Layer | None = None
        self._holding = False
        self.setPlaceholderText(UPSCALE.labels["no_layer"])
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            event.connect(self._on_list_changed)
        layers.selection.events.changed.connect(self._on_selected)
        layers.selection.events.active.connect(self._on_selected)
        self.activated.connect(self._on_chosen)
        self._list()
        self._follow()

    @property
    def target(self) -> Layer | None:
        """The current image layer; else the selected layer of another type; else None."""
        return self._target

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Within this context the target does not follow the selection."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False

    def choose(self, layer: Layer) -> None:
        """Make an image layer of the viewer the target."""
        self._set_target(layer)

    def _on_list_changed(self, _event: Any = None) -> None:
        if not _alive(self):
            return
        self._list()
        if self._target is not None and self._target not in self._layers:
            self._follow()
        else:
            self._set_target(self._target)

    def _on_selected(self, _event: Any = None) -> None:
        if _alive(self) and not self._holding:
            self._follow()

    def _on_chosen(self, index: int) -> None:
        self._set_target(self._images[index])

    def _on_renamed(self, _event: Any = None) -> None:
        if _alive(self):
            self._list()
            self._set_target(self._target)

    def _on_data(self, _event: Any = None) -> None:
        if _alive(self):
            self.target_changed.emit()

    def _list(self) -> None:
        self._images = [layer for layer in reversed(self._layers) if isinstance(layer, Image)]
        blocker = QSignalBlocker(self)
        self.clear()
        for layer in self._images:
            self.addItem(layer.name)
            layer.events.name.connect(self._on_renamed)
            layer.events.data.connect(self._on_data)
        blocker.unblock()

    def _follow(self) -> None:
        active = self._layers.selection.active
        if active is None and len(self._layers.selection) > 1:
            return  # several are selected: none of them is a better target than the present one
        self._set_target(active)

    def _set_target(self, layer: Layer | None) -> None:
        self._target = layer
        index = self._images.index(layer) if layer in self._images else -1
        self.setCurrentIndex(index)
        name = f"{layer.name}\n" if layer is not None and index >= 0 else ""
        self.setToolTip(name + UPSCALE.tooltips["layer"])
        self.target_changed.emit()
