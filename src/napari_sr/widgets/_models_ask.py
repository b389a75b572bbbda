"""Questions of the Models widget, each a dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_sr.widgets._models_texts import LABELS

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["agree", "pick_file", "pick_range"]

_SUFFIXES = "*.safetensors *.pth *.pt *.model *.bin *.ckpt *.ts *.onnx"


def agree(parent: QWidget, question: str, terms: str) -> bool:
    """Ask yes or no; the safe answer is the first.

    Parameters
    ----------
    parent : QWidget
        Over which the dialog stands.
    question, terms : str
        What is asked, and what should be known before.
    """
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    text = "\n\n".join(filter(None, (terms, question)))
    return bool(QMessageBox.question(parent, question, text, yes | no, no) == yes)


def pick_file(parent: QWidget) -> Path | None:
    """Ask for a checkpoint file; None if none was chosen."""
    kinds = LABELS["files"].format(suffixes=_SUFFIXES)
    name, _ = QFileDialog.getOpenFileName(parent, LABELS["pick"], "", kinds)
    return Path(name) if name else None


def pick_range(parent: QWidget) -> float | None:
    """Ask whether white is 1 or 255; None if nobody knows."""
    text, ok = QInputDialog.getItem(parent, LABELS["pick"], LABELS["range"], ["1", "255"], 0, False)
    return float(text) if ok else None
