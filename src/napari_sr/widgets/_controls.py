"""Combo boxes, labels and scroll areas that fit into a narrow dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent, QResizeEvent

__all__ = ["NarrowCombo", "ScrollColumn", "WrappedLabel"]


_ARROW = 36
"""Pixels that napari's theme puts around the text of a combo box, its arrow included."""
_SCROLL_BAR = 14
"""Width in pixels of napari's scroll bars."""


class NarrowCombo(QComboBox):
    """A combo box that becomes narrow in a narrow dock and then shortens the text that it shows.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw the current text with an ellipsis where it is too long."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        text = self.currentText() if self.currentIndex() >= 0 else self.placeholderText()
        option.currentText = option.fontMetrics.elidedText(
            text, Qt.TextElideMode.ElideMiddle, self.width() - _ARROW
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class WrappedLabel(QLabel):
    """A label that is exactly as high as its text needs at its present width.

    Qt's own wrapping labels ask for the height that they would need at their least width, and so make docks, and with
    them the window, far too high.

    Parameters
    ----------
    lines : int
        Height in lines that it has at least, so that controls below it do not move with its text.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, lines: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        # what a model file says about itself is not to be read as HTML
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def setText(self, text: str | None) -> None:
        """Change the text. An equal one is ignored, since Qt would repaint the whole window for it."""
        if (text or "") != self.text():
            super().setText(text or "")
            self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Wrap the text again."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """The label can be made as narrow as needed."""
        return QSize(0, self.minimumHeight())

    def _fit(self) -> None:
        self.setMinimumHeight(0)  # Qt returns no height below the present minimum
        least = self._lines * self.fontMetrics().lineSpacing()
        self.setFixedHeight(max(self.heightForWidth(self.width()), least))


class ScrollColumn(QScrollArea):
    """Scrolls a widget vertically; it is never narrower than its content.

    Parameters
    ----------
    content : QWidget
        As wide as the scroll area.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Update the dock when the content has become wider, as it does when a theme is applied."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        """As wide as the content must be."""
        return QSize(self._width(self._content.minimumSizeHint()), 120)

    def sizeHint(self) -> QSize:
        """A little wider than necessary."""
        hint = self._content.sizeHint()
        return QSize(max(self._width(hint), 300), hint.height())

    def _width(self, hint: QSize) -> int:
        return hint.width() + _SCROLL_BAR
