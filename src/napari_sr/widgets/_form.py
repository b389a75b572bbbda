"""The controls of the Upscale widget, and the options that they add up to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_sr.layers import plane_distance
from napari_sr.widgets._controls import NarrowCombo, WrappedLabel
from napari_sr.widgets._layer_combo import LayerCombo
from napari_sr.widgets._model_combo import ModelCombo
from napari_sr.widgets._texts import UPSCALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import LayerList

    from napari_sr.layers import LayerSnapshot

__all__ = ["DeviceCombo", "ScaleEdit", "TileCombo", "UpscaleForm"]

_PRESETS = (2, 3, 4)
"""Scales with a button of their own: the native ones of most models."""
_LARGEST_SCALE = 16
"""Beyond it a result is almost only interpolation, and a mistyped number would make a huge one."""
_TILES = (64, 128, 256, 512, 1024)
"""Sides of tiles that are offered, in pixels: powers of two from the smallest that is of use to the largest that
ordinary memory holds for every model."""


class UpscaleForm(QWidget):
    """Layer, model, scale, device, tile size and tick boxes.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    parent : QWidget, optional
        Qt parent.
    """

    changed = Signal()
    """Something has changed that affects the next run."""

    def __init__(self, layers: LayerList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layer = LayerCombo(layers, self)
        self.model = ModelCombo(parent=self)
        self.summary = WrappedLabel()
        self.scale = ScaleEdit(self)
        self.device = DeviceCombo(self)
        self.tile = TileCombo(self)
        self.lazy, self.pyramid = self._tick_box("lazy"), self._tick_box("pyramid")
        self.lazy.setChecked(True)
        self.isotropic, self.uncertainty = (
            self._tick_box("isotropic"),
            self._tick_box("uncertainty"),
        )
        self._arrange()
        for box in (self.lazy, self.pyramid, self.isotropic):
            box.setVisible(False)  # until a layer is known to which they apply
        self._connect()
        self._describe_model()

    def options(self, source: LayerSnapshot) -> dict[str, Any]:
        """Keyword arguments of `UpscaleOptions`, without options that the layer does not allow.

        Parameters
        ----------
        source : LayerSnapshot
            The layer.

        Returns
        -------
        dict
            The object itself is made in another thread, since importing it loads PyTorch.
        """
        return {
            "scale": self.scale.value,
            "model": self.model.card.id,
            "device": self.device.value,
            "tile": self.tile.value,
            "isotropic": self.wants_isotropic(source),
            "uncertainty": self.wants_uncertainty(source),
        }

    def show_choices(self, source: LayerSnapshot) -> None:
        """Show the tick boxes that apply to a layer."""
        whole = self._needs_whole_image(source)
        self.lazy.setVisible(source.lazy)
        self.pyramid.setVisible(source.multiscale)
        self.isotropic.setVisible(plane_distance(source) is not None)
        self.uncertainty.setEnabled(not self.wants_isotropic(source))
        self.lazy.setEnabled(not whole)
        self.pyramid.setEnabled(not whole)

    def wants_isotropic(self, source: LayerSnapshot) -> bool:
        """Whether Z will be enlarged, too."""
        return self.isotropic.isChecked() and plane_distance(source) is not None

    def wants_uncertainty(self, source: LayerSnapshot) -> bool:
        """Whether the uncertainty will be a second layer; there is none of an isotropic stack."""
        return self.uncertainty.isChecked() and not self.wants_isotropic(source)

    def wants_pyramid(self, source: LayerSnapshot) -> bool:
        """Whether the result will be the finest level of a multiscale layer."""
        return (
            source.multiscale and self.pyramid.isChecked() and not self._needs_whole_image(source)
        )

    def wants_lazy(self, source: LayerSnapshot) -> bool:
        """Whether the result will be computed where it is shown."""
        if self._needs_whole_image(source):
            return False
        return self.lazy.isChecked() if source.lazy else self.wants_pyramid(source)

    def factors(self, source: LayerSnapshot) -> dict[str, float]:
        """Output pixels per input pixel, by axis."""
        scale = self.scale.value
        distance = plane_distance(source) if self.wants_isotropic(source) else None
        return {"Z": 1.0 if distance is None else distance * scale, "Y": scale, "X": scale}

    def _needs_whole_image(self, source: LayerSnapshot) -> bool:
        return self.wants_isotropic(source) or self.wants_uncertainty(source)

    def _arrange(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(UPSCALE.labels["layer"], self.layer)
        form.addRow(UPSCALE.labels["model"], self.model)
        form.addRow(self.summary)
        form.addRow(UPSCALE.labels["scale"], self.scale)
        form.addRow(UPSCALE.labels["device"], self.device)
        form.addRow(UPSCALE.labels["tile"], self.tile)
        for box in (self.lazy, self.pyramid, self.isotropic, self.uncertainty):
            form.addRow(box)

    def _tick_box(self, name: str) -> QCheckBox:
        box = QCheckBox(UPSCALE.labels[name], self)
        box.setToolTip(UPSCALE.tooltips[name])
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


class _ScaleSpin(QDoubleSpinBox):
    """A spin box without trailing zeros."""

    def textFromValue(self, value: float) -> str:
        return f"{value:g}"


class ScaleEdit(QWidget):
    """The scale: any number, and a button for each of the usual ones.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spin = _ScaleSpin(self)
        self._spin.setRange(1, _LARGEST_SCALE)
        self._spin.setDecimals(3)
        self._spin.setSingleStep(0.5)
        self._spin.setPrefix("×")
        self._spin.setValue(2)
        self._spin.setToolTip(UPSCALE.tooltips["scale"])
        self._spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._spin.valueChanged.connect(self.changed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._spin, stretch=1)
        for factor in _PRESETS:
            row.addWidget(self._preset(factor))

    @property
    def value(self) -> float:
        """Output pixels per input pixel."""
        return float(self._spin.value())

    @value.setter
    def value(self, scale: float) -> None:
        self._spin.setValue(scale)

    def _preset(self, factor: int) -> QPushButton:
        button = QPushButton(f"×{factor}", self)
        button.setFixedWidth(button.fontMetrics().horizontalAdvance("×00") + 8)
        button.setToolTip(UPSCALE.tooltips["preset"].format(factor=factor))
        button.clicked.connect(partial(self._spin.setValue, factor))
        return button


class TileCombo(NarrowCombo):
    """The tile size.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(UPSCALE.tooltips["tile"])
        self.addItem(UPSCALE.labels["auto"], "auto")
        for size in _TILES:
            self.addItem(f"{size} × {size}", size)
        self.addItem(UPSCALE.labels["whole"], None)

    @property
    def value(self) -> str | int | None:
        """As `UpscaleOptions.tile`: ``"auto"``, pixels of the input, or None for the whole image."""
        value: str | int | None = self.currentData()
        return value


class DeviceCombo(NarrowCombo):
    """The device. Others than the CPU are added once they are known: finding them takes seconds.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(UPSCALE.tooltips["device"])
        self.addItem(UPSCALE.labels["auto"], "auto")
        self.addItem(UPSCALE.labels["cpu"], "cpu")

    @property
    def value(self) -> str:
        """As `UpscaleOptions.device`, such as ``"auto"`` or ``"cuda:0"``."""
        return str(self.currentData())

    def offer(self, devices: Iterable[str]) -> None:
        """Add devices that are not in the list yet."""
        for device in devices:
            if self.findData(device) < 0:
                self.addItem(device.upper(), device)
