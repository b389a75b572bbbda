"""Small controls: the scale with its presets, the device, the tile size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_sr.widgets._labels import NarrowCombo
from napari_sr.widgets._texts import LABELS, TOOLTIPS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DeviceCombo", "ScaleEdit", "TileCombo"]

PRESETS = (2, 3, 4)
TILES = (64, 128, 256, 512, 1024)


class _ScaleSpin(QDoubleSpinBox):
    """A number that shows no more decimals than it has."""

    def textFromValue(self, value: float) -> str:
        return f"{value:g}"


class ScaleEdit(QWidget):
    """The output scale: any number, and a button for each of the usual ones.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spin = _ScaleSpin(self)
        self._spin.setRange(1, 16)
        self._spin.setDecimals(3)
        self._spin.setSingleStep(0.5)
        self._spin.setPrefix("×")
        self._spin.setValue(2)
        self._spin.setToolTip(TOOLTIPS["scale"])
        self._spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._spin.valueChanged.connect(self.changed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._spin, stretch=1)
        for factor in PRESETS:
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
        button.setToolTip(TOOLTIPS["preset"].format(factor=factor))
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
        self.setToolTip(TOOLTIPS["tile"])
        self.addItem(LABELS["auto"], "auto")
        for size in TILES:
            self.addItem(f"{size} × {size}", size)
        self.addItem(LABELS["whole"], None)

    @property
    def value(self) -> str | int | None:
        """As ``upscale`` takes it: ``"auto"``, pixels of the input, or None for the whole image."""
        value: str | int | None = self.currentData()
        return value


class DeviceCombo(NarrowCombo):
    """The device; those beside the CPU are added when they are known, because finding them takes seconds.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(TOOLTIPS["device"])
        self.addItem(LABELS["auto"], "auto")
        self.addItem(LABELS["cpu"], "cpu")

    @property
    def value(self) -> str:
        """As ``upscale`` takes it, such as ``"auto"`` or ``"cuda:0"``."""
        return str(self.currentData())

    def offer(self, devices: Iterable[str]) -> None:
        """Add the devices that are not in the list yet."""
        for device in devices:
            if self.findData(device) < 0:
                self.addItem(device.upper(), device)
