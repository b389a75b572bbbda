"""The Fine-tune widget in a real window: a click makes a model; a canceled or failed run keeps nothing."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from skimage import data

from napari_sr.models import list_models
from napari_sr.training import FineTuned, _fine_tuner
from napari_sr.widgets import FineTuneWidget, _fine_tune
from napari_sr.widgets._model_combo import ModelCombo
from tests.gui.conftest import our_threads


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch):
    monkeypatch.setattr(_fine_tuner, "_BATCH_SIZE", 4)
    monkeypatch.setattr(_fine_tuner, "_PATCH_SIDE", 24)


@pytest.fixture
def widget(qtbot):
    """The widget alone with a viewer that has no window, and one layer."""
    viewer = ViewerModel()
    viewer.add_image(data.brick()[:, :320], name="bricks")
    widget = FineTuneWidget(viewer)
    widget.viewer = viewer
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.cancel()
    qtbot.waitUntil(lambda: not our_threads(), timeout=30_000)


def mine():
    return [card.id for card in list_models() if card.group == "Mine"]


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_click_makes_a_model_that_the_upscale_widget_has(widget, qtbot):
    combo = ModelCombo()
    qtbot.addWidget(combo)
    widget.minutes.setValue(0.1)
    widget.name.setText("my-bricks")
    press(qtbot, widget.start)
    assert not widget.start.isEnabled()
    qtbot.waitUntil(lambda: "dB on tiles held out" in widget.note.text(), timeout=60_000)
    assert widget.progress.isVisible()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert "Added 'my-bricks' to your models" in widget.note.text()
    assert mine() == ["my-bricks"]
    combo.showPopup()
    combo.hidePopup()
    assert combo.findData("my-bricks") > 0
    assert widget.start.isEnabled()


def test_a_canceled_run_keeps_nothing(widget, qtbot):
    widget.minutes.setValue(30)
    press(qtbot, widget.start)
    qtbot.waitUntil(lambda: "dB on tiles held out" in widget.note.text(), timeout=60_000)
    press(qtbot, widget.stop)
    qtbot.waitUntil(lambda: not widget.running, timeout=30_000)
    assert widget.note.text() == "Canceled; nothing was kept."
    assert mine() == []


def test_without_a_gain_the_base_is_kept(widget, qtbot, monkeypatch):
    monkeypatch.setattr(_fine_tuner, "_LR", 0.0)
    widget.minutes.setValue(0.1)
    press(qtbot, widget.start)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert widget.note.text().startswith("ecbsr is kept: the gain was only")
    assert mine() == []


def test_a_gain_on_sharp_tiles_alone_is_explained():
    made = FineTuned("base", None, 30.0, 33.0, 33.4, -0.1, 4, 100, 120.0)
    note = _fine_tune._finish(SimpleNamespace(cancelled=False, error=None, result=made))
    assert note.startswith("base is kept: held-out parts gained +0.40 dB")
    assert "-0.10 dB" in note


@pytest.mark.parametrize(("base", "complaint"), [("bicubic", "no weights"), (None, "image layer")])
def test_an_error_is_shown_once(widget, qtbot, base, complaint):
    before = len(notification_manager.records)
    if base is None:
        widget.viewer.layers.clear()
    else:
        widget.base.choose(base)
    press(qtbot, widget.start)
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    (shown,) = notification_manager.records[before:]
    assert complaint in shown.message.lower()
    assert mine() == []


def test_only_native_scales_of_the_base_are_offered(widget):
    widget.base.choose("esr-tm")
    scales = [widget.scale.itemData(i) for i in range(widget.scale.count())]
    card = next(card for card in list_models() if card.id == "esr-tm")
    assert scales == list(card.scales)


def test_napari_docks_it(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(data.brick(), name="bricks")
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Fine-tune")
    assert isinstance(widget, FineTuneWidget)
    qtbot.waitUntil(lambda: dock.width() < viewer.window._qt_window.width() / 2)
    if folder := os.environ.get("NAPARI_SR_SCREENSHOTS"):
        widget.minutes.setValue(0.3)
        widget.fine_tune()
        qtbot.waitUntil(lambda: "held out" in widget.note.text(), timeout=60_000)
        qtbot.wait(500)
        Path(folder).mkdir(parents=True, exist_ok=True)
        viewer.window.screenshot(str(Path(folder) / "fine-tune.png"), canvas_only=False)
        widget.cancel()
    qtbot.waitUntil(lambda: not our_threads(), timeout=30_000)
