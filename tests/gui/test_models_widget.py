"""The Models widget in a real window: download, cancel, fail, import, remove, read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_sr.architectures.espcn import ESPCN
from napari_sr.errors import ModelRangeError
from napari_sr.models import Checkpoint, ModelCard, _catalog, list_models, load_model, save_network
from napari_sr.models.export import export_model
from napari_sr.widgets import ModelsWidget
from napari_sr.widgets._model_combo import ModelCombo
from tests.gui.conftest import our_threads
from tests.models.server import Server


@pytest.fixture
def net(tmp_path):
    """A checkpoint file of a small network."""
    torch.manual_seed(0)
    config = {"scale": 2, "D": 4, "S": 5}
    return save_network(tmp_path / "net.safetensors", ESPCN(**config), "espcn", config)


@pytest.fixture
def server(net):
    place = Server()
    place.data = net.read_bytes()
    yield place
    place.close()


@pytest.fixture
def offer(server, monkeypatch):
    """A function that adds a model to the catalog, which a local server offers."""
    shipped = _catalog._shipped()

    def put(license="MIT", manner="good"):
        sha, size = hashlib.sha256(server.data).hexdigest(), len(server.data)
        url = server.url(manner, "net.safetensors")
        card = ModelCard(
            "net-official", "Net of tests", "espcn", "For tests.", "Published", "Y", 1.0, license,
            paper="Somebody, a paper. https://doi.org/10.1/x",
            checkpoints=(Checkpoint(2, "net-official-x2.safetensors", sha, url, size),),
        )  # fmt: skip
        monkeypatch.setattr(_catalog, "_shipped", lambda: (*shipped, card))

    return put


class ModelsDriver:
    """A driver that uses a Models widget as a user does."""

    def __init__(self, widget, qtbot):
        self.widget: ModelsWidget = widget
        self._qtbot = qtbot
        self._before = len(notification_manager.records)

    @property
    def note(self):
        return self.widget.bar.note.text().replace("\u00a0", " ")

    @property
    def notifications(self):
        return [str(record.message) for record in notification_manager.records[self._before :]]

    def press(self, button):
        self._qtbot.mouseClick(self.widget.bar.buttons[button], Qt.MouseButton.LeftButton)

    def enabled(self):
        return {name for name, each in self.widget.bar.buttons.items() if each.isEnabled()}

    def finish(self):
        self._qtbot.waitUntil(lambda: not self.widget.running, timeout=60_000)


@pytest.fixture
def open_models(qtbot):
    """A function that opens the widget."""
    opened = []

    def open_widget():
        widget = ModelsWidget()
        qtbot.addWidget(widget)
        widget.resize(420, 800)
        widget.show()
        opened.append(widget)
        return ModelsDriver(widget, qtbot)

    yield open_widget
    for widget in opened:
        widget.cancel()
    qtbot.waitUntil(lambda: not our_threads(), timeout=30_000)


def answer(monkeypatch, yes=True):
    """Answer every question with yes or no; returns the list of the questions."""
    asked = []
    button = QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[2]) or button)
    return asked


def in_combo(combo):
    return [combo.itemData(at) for at in range(combo.count())]


def test_every_model_is_listed_and_filtered(open_models):
    shown = open_models().widget.list
    assert set(shown.shown) == {card.id for card in list_models()}
    shown.filter.setText("bsrn MIT")
    assert shown.shown == ["bsrn-official", "bsrn-s-official"]
    shown.show_only.setCurrentIndex(1)
    assert shown.shown == []
    shown.filter.clear()
    assert "bicubic" in shown.shown
    assert "bsrn-official" not in shown.shown
    shown.show_only.setCurrentIndex(2)
    assert "bicubic" not in shown.shown


def test_the_selected_model_is_described(open_models):
    user = open_models()
    assert user.enabled() == {"import"}
    user.widget.list.choose("imdn-official")
    text = user.widget.facts.text()
    assert "none stated" in text
    assert "gives no permission" in text
    assert "https://doi.org" in text
    assert user.enabled() == {"download", "import", "paper"}
    user.widget.list.choose("bicubic")
    assert "download" not in user.enabled()
    assert "remove" not in user.enabled()


def test_a_click_downloads_and_the_upscale_widget_has_it(open_models, offer, qtbot, monkeypatch):
    offer()
    combo = ModelCombo()
    qtbot.addWidget(combo)
    assert "net-official" not in in_combo(combo)
    user = open_models()
    user.widget.list.choose("net-official")
    user.press("download")
    user.finish()
    assert user.notifications == []
    assert "Downloaded Net of tests" in user.note
    assert load_model("net-official").network(2)
    assert user.widget.list.card.id == "net-official"
    assert user.enabled() == {"import", "remove", "paper"}
    combo.showPopup()
    combo.hidePopup()
    assert "net-official" in in_combo(combo)
    asked = answer(monkeypatch)
    user.press("remove")
    assert "Delete the files of Net of tests" in asked[0]
    assert "download" in user.enabled()


@pytest.mark.parametrize("license", ["GPL-3.0", "none stated (no LICENSE file)"])
def test_an_unusual_license_needs_an_agreement(
    open_models, offer, models_home, monkeypatch, license
):
    offer(license)
    user = open_models()
    user.widget.list.choose("net-official")
    asked = answer(monkeypatch, yes=False)
    user.press("download")
    assert license in asked[0]
    assert not user.widget.running
    assert not list(models_home.rglob("net-official*"))
    answer(monkeypatch, yes=True)
    user.press("download")
    user.finish()
    assert list(models_home.rglob("net-official*"))


def test_a_canceled_download_keeps_nothing(open_models, offer, server, models_home, qtbot):
    offer(manner="dripping")
    user = open_models()
    user.widget.list.choose("net-official")
    user.press("download")
    assert user.enabled() == {"cancel", "paper"}
    user.press("cancel")
    user.finish()
    assert user.note == "Canceled; nothing was kept."
    assert user.notifications == []
    assert [path for path in models_home.rglob("*") if path.is_file()] == []
    assert "download" in user.enabled()


def test_a_slow_download_shows_its_progress(open_models, offer, server, qtbot):
    offer(manner="slow")
    user = open_models()
    user.widget.list.choose("net-official")
    user.press("download")
    qtbot.waitUntil(lambda: bool(server.asked), timeout=20_000)
    assert user.widget.bar.progress.isVisible()
    assert user.note
    server.let_go.set()
    user.finish()
    assert "Downloaded" in user.note


@pytest.mark.parametrize(
    ("manner", "complaint"), [("broken", "broke off"), ("wrong", "not the expected file")]
)
def test_a_failed_download_is_shown_once(open_models, offer, models_home, manner, complaint):
    offer(manner=manner)
    user = open_models()
    user.widget.list.choose("net-official")
    user.press("download")
    user.finish()
    assert len(user.notifications) == 1
    assert complaint in user.notifications[0]
    assert user.note == "Failed; nothing was changed."
    assert [path for path in models_home.rglob("*") if path.is_file()] == []


def test_a_file_is_imported_and_removed(open_models, net, monkeypatch):
    user = open_models()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(net), ""))
    user.press("import")
    user.finish()
    assert user.notifications == []
    assert user.widget.list.card.id == "net"
    assert list_models()[-1].id == "net"
    answer(monkeypatch)
    user.press("remove")
    assert list_models()[-1].id != "net"
    assert "Removed" in user.note


def test_a_file_that_is_no_checkpoint_is_refused(open_models, tmp_path):
    (tmp_path / "bad.pth").write_bytes(b"nothing")
    user = open_models()
    user.widget.import_file(tmp_path / "bad.pth")
    user.finish()
    assert "bad.pth" in user.notifications[0].lower()


def test_an_unknown_value_range_is_asked_for(open_models, net, monkeypatch):
    """Here the loader knows the range of no file without a card; the answer is stored on the card."""

    def unsure(*_):
        raise ModelRangeError("cannot tell")

    monkeypatch.setattr("napari_sr.models._expected_input.range_of", unsure)
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("255", True))
    user = open_models()
    user.widget.import_file(net)
    user.finish()
    assert (list_models()[-1].id, list_models()[-1].value_range) == ("net", 255)
    assert user.notifications == []


def test_a_program_is_imported_only_after_a_question(open_models, tmp_path, monkeypatch):
    export_model("bicubic", tmp_path / "theirs.pt", 2)
    user = open_models()
    for yes in (False, True):
        asked = answer(monkeypatch, yes=yes)
        user.widget.import_file(tmp_path / "theirs.pt")
        user.finish()
        (question,) = asked
        assert "theirs.pt contains a program" in question
        assert "only open files from people you trust" in question
        assert (list_models()[-1].id == "theirs") is yes
        assert user.notifications == []
    assert load_model("theirs").network(2)


def test_the_paper_opens_in_the_browser(open_models, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    user = open_models()
    user.widget.list.choose("bsrn-official")
    user.press("paper")
    assert opened == ["https://arxiv.org/abs/2205.05996"]


def test_napari_docks_it(make_napari_viewer, qtbot):
    """It fits beside the canvas, and no name of a model is cut off."""
    viewer = make_napari_viewer(show=True)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Models")
    assert isinstance(widget, ModelsWidget)
    widget.list.choose("imdn-official")

    def fits():
        assert dock.width() < viewer.window._qt_window.width() / 2
        tree = widget.list.tree
        widest = max(map(tree.fontMetrics().horizontalAdvance, ("BSRN-S", "RLFN (NTIRE 2022)")))
        assert tree.columnWidth(0) > widest + 2 * tree.indentation()
        for button in widget.bar.buttons.values():
            assert button.width() >= button.minimumSizeHint().width()

    qtbot.waitUntil(fits)
    if folder := os.environ.get("NAPARI_SR_SCREENSHOTS"):
        qtbot.wait(500)
        Path(folder).mkdir(parents=True, exist_ok=True)
        viewer.window.screenshot(str(Path(folder) / "models.png"), canvas_only=False)
