"""The Models dock widget: what there is, what is known of it, and whether it is on this machine."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sr._text import one_line
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
from napari_sr.widgets._describe import describe_bytes, describe_card
from napari_sr.widgets._docked import Docked
from napari_sr.widgets._labels import ScrollColumn, WrappedLabel
from napari_sr.widgets._models_ask import agree, pick_file, pick_range
from napari_sr.widgets._models_bar import ModelsBar
from napari_sr.widgets._models_list import ModelsList
from napari_sr.widgets._models_texts import LABELS, NOTES
from napari_sr.widgets._report import report
from napari_sr.widgets._tasks import CATALOG, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models import ModelCard

__all__ = ["ModelsWidget"]

_LOOK_MS = 40
"""How often the window looks at what goes on in the other thread."""


class ModelsWidget(Docked["_Running"]):
    """Download, import and remove models.

    Parameters
    ----------
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(lambda running: running.task.cancel(), parent)
        self.list = ModelsList(self)
        self.facts = WrappedLabel()
        self.bar = ModelsBar(self)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._arrange()
        self._connect()
        self._describe()

    def download(self) -> None:
        """Download the chosen model; asks first where its license is not a permissive one."""
        card = self.list.card
        if card is None or self.running:
            return
        terms = explain_license(card.license)
        question = NOTES["ask_download"].format(name=card.title)
        if is_permissive(card.license) or agree(self, question, terms):
            self._begin(card.title, "downloaded", partial(download_model, card.id, ()))

    def import_file(
        self,
        path: str | Path | None = None,
        value_range: float | None = None,
        trust_program: bool = False,
    ) -> None:
        """Take a checkpoint file into the catalog; asks which one if it is not given, and before a program is run."""
        chosen = Path(path) if path else pick_file(self)
        if chosen is None or self.running:
            return
        given: dict[str, Any] = {"value_range": value_range, "trust_program": trust_program}

        def action(_progress: object) -> ModelCard:
            return import_model(chosen, **given)

        again = partial(self.import_file, chosen, **given)
        self._begin(one_line(chosen.name), "imported", action, NOTES["importing"], again)

    def remove(self) -> None:
        """Remove the chosen model from this machine, after a question."""
        card = self.list.card
        if card is None or not agree(self, NOTES["ask_remove"].format(name=card.title), ""):
            return
        try:
            remove_model(card.id)
        except NapariSRError as error:
            report(error)
            return
        self.list.refresh()
        self.bar.show_idle(NOTES["removed"].format(name=card.title))

    def open_paper(self) -> None:
        """Show the paper of the chosen model in the browser."""
        address = _address(self.list.card)
        if address:
            QDesktopServices.openUrl(QUrl(address))

    def cancel(self) -> None:
        """Stop what goes on; nothing half-done is kept."""
        for running in self._work:
            running.task.cancel()
            self.bar.show_cancelling()

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.addWidget(self.list, stretch=1)
        column.addWidget(self.bar)
        column.addWidget(self.facts)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(ScrollColumn(content))

    def _connect(self) -> None:
        self.list.chosen.connect(self._describe)
        self.bar.asked.connect(self._on_asked)
        self._timer.timeout.connect(self._look)

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
        self.facts.setText(LABELS["nothing"] if card is None else _facts(card))
        here = local_scales(card) if card else ()
        self.bar.offer(
            size=sum(c.size or 0 for c in card.checkpoints if c.scale not in here) if card else 0,
            removable=card is not None and not is_bundled(card) and _removable(card),
            paper=bool(_address(card)),
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
        self._work.append(_Running(task, name, done, note.format(name=name), again))
        CATALOG.submit(task)
        self._look()
        self._describe()
        self._timer.start()

    def _look(self) -> None:
        for running in list(self._work):
            if running.task.finished:
                self._work.remove(running)
                self._timer.stop()
                self.bar.show_idle("")
                self._end(running)
            else:
                self.bar.show_running(running.words, *running.bytes)

    def _end(self, running: _Running) -> None:
        error, card = running.task.error, running.task.result
        note = NOTES["cancelled"] if card is None else NOTES[running.done].format(name=card.title)
        if running.again is not None and isinstance(
            error, (ModelRangeError, UntrustedProgramError)
        ):
            self._retry(error, running.name, running.again)
            return
        if error is not None and not isinstance(error, CancelledError):
            note = NOTES["failed"]
            report(error)
        self.list.refresh()
        if card is not None:
            self.list.choose(card.id)
        self.bar.show_idle(note)

    def _retry(self, error: NapariSRError, name: str, again: Callable[..., None]) -> None:
        """Ask for what an import needs: the value range that was not found, or the agreement to run a program."""
        self._describe()
        if isinstance(error, UntrustedProgramError):
            if agree(self, NOTES["ask_trust"].format(name=name), NOTES["trust"].format(name=name)):
                again(trust_program=True)
            return
        value_range = pick_range(self)
        if value_range is not None:
            again(value_range=value_range)


class _Running:
    """What goes on, in words."""

    def __init__(
        self, task: Task, name: str, done: str, note: str, again: Callable[..., None] | None
    ) -> None:
        self.task, self.name, self.done, self.note, self.again = task, name, done, note, again

    @property
    def bytes(self) -> tuple[int, int]:
        """Bytes done and in all."""
        return self.task.progress or (0, 0)

    @property
    def words(self) -> str:
        """What the line below the buttons says."""
        done, total = self.bytes
        if self.note or not self.task.started:
            return self.note or NOTES["waiting"]
        if not done:
            return NOTES["connecting"]
        which = NOTES["bytes"] if total else NOTES["some"]
        return which.format(name=self.name, done=describe_bytes(done), total=describe_bytes(total))


def _facts(card: ModelCard) -> str:
    """What should be known before a download or a run, a line each."""
    facts = {
        "": f"{card.title} ({card.id})\n{describe_card(card)}",
        "License: ": explain_license(card.license),
        "Source: ": card.source,
        "Paper: ": card.paper,
        "Trained on: ": card.training_data,
    }
    return "\n".join(f"{name}{fact}" for name, fact in facts.items() if fact)


def _removable(card: ModelCard) -> bool:
    return card.group == "Mine" or bool(local_scales(card))


def _address(card: ModelCard | None) -> str:
    """Address of a paper, if its citation has one."""
    found = re.search(r"https?://\S+", card.paper) if card else None
    return found[0] if found else ""
