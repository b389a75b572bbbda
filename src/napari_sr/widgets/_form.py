"""The controls of the Upscale widget, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from napari_sr.layers import plane_distance
from napari_sr.widgets._labels import WrappedLabel
from napari_sr.widgets._layer_combo import LayerCombo
from napari_sr.widgets._model_combo import ModelCombo
from napari_sr.widgets._options import DeviceCombo, ScaleEdit, TileCombo
from napari_sr.widgets._texts import LABELS, TOOLTIPS

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_sr.layers import LayerSnapshot

__all__ = ["UpscaleForm"]


class UpscaleForm(QWidget):
    """Layer, model, scale, device and tile size.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    parent : QWidget, optional
        Qt parent.
    """

    changed = Signal()
    """Anything was changed that changes what a click on Upscale would do."""

    def __init__(self, layers: LayerList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layer = LayerCombo(layers, self)
        self.model = ModelCombo(parent=self)
        self.summary = WrappedLabel()
        self.scale = ScaleEdit(self)
        self.device = DeviceCombo(self)
        self.tile = TileCombo(self)
        self.lazy, self.pyramid = self._box("lazy"), self._box("pyramid")
        self.lazy.setChecked(True)
        self.isotropic, self.uncertainty = self._box("isotropic"), self._box("uncertainty")
        self._arrange()
        self._connect()
        self._describe_model()

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of `napari_sr.upscale_layer`."""
        return {
            "scale": self.scale.value,
            "model": self.model.card.id,
            "device": self.device.value,
            "tile": self.tile.value,
        }

    def show_choices(self, source: LayerSnapshot) -> None:
        """Show those choices that make sense for a layer."""
        self.lazy.setVisible(source.lazy)
        self.pyramid.setVisible(source.multiscale)
        self.isotropic.setVisible(plane_distance(source) is not None)
        # of a stack whose slices run in two directions there is no uncertainty
        self.uncertainty.setEnabled("isotropic" not in self.extras(source))
        for box in (self.lazy, self.pyramid):  # either needs the whole image at once
            box.setEnabled(not self.extras(source))

    def extras(self, source: LayerSnapshot) -> dict[str, bool]:
        """Further keyword arguments, of which those are left out that a layer does not allow."""
        isotropic = self.isotropic.isChecked() and plane_distance(source) is not None
        wanted = {
            "isotropic": isotropic,
            "uncertainty": self.uncertainty.isChecked() and not isotropic,
        }
        return {name: True for name, ticked in wanted.items() if ticked}

    def z_factor(self, source: LayerSnapshot) -> float:
        """Output planes per input plane."""
        distance = plane_distance(source) if "isotropic" in self.extras(source) else None
        return 1.0 if distance is None else distance * self.scale.value

    def wants_pyramid(self, source: LayerSnapshot) -> bool:
        """Whether the result shall be the finest level of a multiscale layer."""
        return source.multiscale and self.pyramid.isChecked() and not self.extras(source)

    def is_lazy(self, source: LayerSnapshot) -> bool:
        """Whether the result will be computed where it is looked at."""
        if self.extras(source):
            return False
        if source.lazy:
            return self.lazy.isChecked()
        return self.wants_pyramid(source)

    def _arrange(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(LABELS["layer"], self.layer)
        form.addRow(LABELS["model"], self.model)
        form.addRow(self.summary)
        form.addRow(LABELS["scale"], self.scale)
        form.addRow(LABELS["device"], self.device)
        form.addRow(LABELS["tile"], self.tile)
        form.addRow(self.lazy)
        form.addRow(self.pyramid)
        form.addRow(self.isotropic)
        form.addRow(self.uncertainty)

    def _box(self, name: str) -> QCheckBox:
        box = QCheckBox(LABELS[name], self)
        box.setToolTip(TOOLTIPS[name])
        return box

    def _connect(self) -> None:
        self.layer.target_changed.connect(self.changed)
        self.model.currentIndexChanged.connect(self._describe_model)
        for signal in (
            self.model.currentIndexChanged,
            self.scale.changed,
            self.device.currentIndexChanged,
            self.tile.currentIndexChanged,
            self.lazy.toggled,
            self.pyramid.toggled,
            self.isotropic.toggled,
            self.uncertainty.toggled,
        ):
            signal.connect(self._on_changed)

    def _on_changed(self, _value: object = None) -> None:
        self.changed.emit()

    def _describe_model(self, _index: int = 0) -> None:
        self.summary.setText(self.model.summary)
