"""The Models dock widget: shows the catalog, and downloads, imports and removes models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QVBoxLayout, QWidget

from napari_sr._text import format_bytes, one_line
from napari_sr.errors import (
    CancelledError,
    ModelRangeError,
    NapariSRError,
    UntrustedProgramError,
)
from napari_sr.models import (
    download_model,
    explain_license,
    import_model,
    is_bundled,
    is_permissive,
    local_scales,
    remove_model,
)
from napari_sr.widgets._controls import WrappedLabel
from napari_sr.widgets._describe import describe_card
from napari_sr.widgets._dock import DockWidget
from napari_sr.widgets._errors import show_error
from napari_sr.widgets._jobs import CATALOG, Task
from napari_sr.widgets._models_list import ModelsBar, ModelsList
from napari_sr.widgets._texts import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models import ModelCard

__all__ = ["ModelsWidget"]

_SUFFIXES = "*.safetensors *.pth *.pt *.model *.bin *.ckpt *.ts *.onnx"
"""Names of checkpoint files that the file dialog shows: all that published models of this kind have."""


class ModelsWidget(DockWidget["_Running"]):
    """Download, import and remove models.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, lambda running: running.task.cancel(), parent)
        self.list = ModelsList(self)
        self.facts = WrappedLabel()
        self.bar = ModelsBar(self)
        column = QVBoxLayout(content)
        column.addWidget(self.list, stretch=1)
        column.addWidget(self.bar)
        column.addWidget(self.facts)
        self.list.chosen.connect(self._describe)
        self.bar.asked.connect(self._on_asked)
        self._describe()

    def download(self) -> None:
        """Download the selected model; ask first unless its license is permissive."""
        card = self.list.card
        if card is None or self.running:
            return
        terms = explain_license(card.license)
        question = MODELS.notes["ask_download"].format(name=card.title)
        if is_permissive(card.license) or _confirm(self, question, terms):
            self._begin(card.title, "downloaded", partial(download_model, card.id, ()))

    def import_file(
        self,
        path: str | Path | None = None,
        value_range: float | None = None,
        trust_program: bool = False,
    ) -> None:
        """Add a checkpoint file to the catalog; ask which one if none is given, and before a program is run."""
        chosen = Path(path) if path else _pick_file(self)
        if chosen is None or self.running:
            return
        given: dict[str, Any] = {"value_range": value_range, "trust_program": trust_program}

        def action(_progress: object) -> ModelCard:
            return import_model(chosen, **given)

        again = partial(self.import_file, chosen, **given)
        self._begin(one_line(chosen.name), "imported", action, MODELS.notes["importing"], again)

    def remove(self) -> None:
        """Remove the selected model from this machine, after a question."""
        card = self.list.card
        if card is None:
            return
        if not _confirm(self, MODELS.notes["ask_remove"].format(name=card.title)):
            return
        try:
            remove_model(card.id)
        except NapariSRError as error:
            show_error(error)
            return
        self.list.refresh()
        self.bar.show_idle(MODELS.notes["removed"].format(name=card.title))

    def open_paper(self) -> None:
        """Open the paper of the selected model in the browser."""
        address = _paper_address(self.list.card)
        if address:
            QDesktopServices.openUrl(QUrl(address))

    def cancel(self) -> None:
        """Stop the download; incomplete files are deleted."""
        for running in self._work:
            running.task.cancel()
            self.bar.show_cancelling()

    def _on_asked(self, what: str) -> None:
        {
            "download": self.download,
            "cancel": self.cancel,
            "import": self.import_file,
            "remove": self.remove,
            "paper": self.open_paper,
        }[what]()

    def _describe(self) -> None:
        card = self.list.card
        if card is None:
            self.facts.setText(MODELS.labels["nothing"])
            self.bar.offer(size=0, removable=False, paper=False)
            return
        here = local_scales(card)
        self.facts.setText(_facts(card))
        self.bar.offer(
            size=sum(each.size or 0 for each in card.checkpoints if each.scale not in here),
            removable=not is_bundled(card) and (card.group == "Mine" or bool(here)),
            paper=bool(_paper_address(card)),
        )

    def _begin(
        self,
        name: str,
        done: str,
        action: Any,
        note: str = "",
        again: Callable[..., None] | None = None,
    ) -> None:
        task = Task(action)
        CATALOG.submit(task)
        self._start_work(_Running(task, name, done, note.format(name=name), again))
        self._poll()
        self._describe()

    def _poll(self) -> None:
        for running in list(self._work):
            if running.task.finished:
                self._end_work(running)
                self.bar.show_idle("")
                self._finish(running)
            else:
                self.bar.show_running(running.words, *running.bytes)

    def _finish(self, running: _Running) -> None:
        error, card = running.task.error, running.task.result
        if isinstance(error, (ModelRangeError, UntrustedProgramError)) and running.again:
            self._retry(error, running.name, running.again)
            return
        if card is not None:
            note = MODELS.notes[running.done].format(name=card.title)
        elif error is None or isinstance(error, CancelledError):
            note = MODELS.notes["cancelled"]
        else:
            note = MODELS.notes["failed"]
            show_error(error)
        self.list.refresh()
        if card is not None:
            self.list.choose(card.id)
        self.bar.show_idle(note)

    def _retry(self, error: NapariSRError, name: str, again: Callable[..., None]) -> None:
        """Ask for what an import needs: the agreement to run a program, or a value range that was not found."""
        self._describe()
        if isinstance(error, UntrustedProgramError):
            question, terms = (
                MODELS.notes[key].format(name=name) for key in ("ask_trust", "trust")
            )
            if _confirm(self, question, terms):
                again(trust_program=True)
            return
        text, given = QInputDialog.getItem(
            self, MODELS.labels["pick"], MODELS.labels["range"], ["1", "255"], 0, False
        )
        if given:
            again(value_range=float(text))


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """A download or import, and how it is described."""

    task: Task
    name: str
    """Name of the model or file."""
    done: str
    """Key of the note at the end."""
    note: str
    """Note meanwhile; empty for a download, whose note contains its progress."""
    again: Callable[..., None] | None
    """Repeats an import with further arguments."""

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes done and in all."""
        return self.task.progress or (0, 0)

    @property
    def words(self) -> str:
        """Text of the line below the buttons."""
        done, total = self.bytes
        if self.note or not self.task.started:
            return self.note or MODELS.notes["waiting"]
        if not done:
            return MODELS.notes["connecting"]
        return MODELS.notes["bytes" if total else "some"].format(
            name=self.name, done=format_bytes(done), total=format_bytes(total)
        )


def _confirm(parent: QWidget, question: str, terms: str = "") -> bool:
    """Ask a question after showing some terms; No is the default answer."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    text = "\n\n".join(filter(None, (terms, question)))
    return bool(QMessageBox.question(parent, question, text, yes | no, no) == yes)


def _pick_file(parent: QWidget) -> Path | None:
    """Ask for a checkpoint file; None if the user cancels."""
    kinds = MODELS.labels["files"].format(suffixes=_SUFFIXES)
    name, _ = QFileDialog.getOpenFileName(parent, MODELS.labels["pick"], "", kinds)
    return Path(name) if name else None


def _facts(card: ModelCard) -> str:
    """What a user needs to know before a download or a run, one fact for each line."""
    facts = {
        "": f"{card.title} ({card.id})\n{describe_card(card)}",
        "License: ": explain_license(card.license),
        "Source: ": card.source,
        "Paper: ": card.paper,
        "Trained on: ": card.training_data,
    }
    return "\n".join(f"{name}{fact}" for name, fact in facts.items() if fact)


def _paper_address(card: ModelCard | None) -> str:
    """Address of a paper; empty if its citation has none."""
    found = re.search(r"https?://\S+", card.paper) if card else None
    return found[0] if found else ""
