"""While a network runs, the window stays responsive, and nothing that the user does is harmful."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from napari.utils.progress import progress
from qtpy.QtCore import QEvent, QObject, QTimer

from napari_sr import upscale
from napari_sr.inference import Progress
from napari_sr.widgets import UpscaleWidget, _run
from tests.gui.conftest import Desk, our_threads

pytestmark = pytest.mark.usefixtures("brake")


@pytest.fixture
def image(noise):
    """An image of more tiles than are done at once."""
    return noise(1500, 1500)


def begin(desk, image, **options):
    """Add an image and start a run, which is held when its first tiles are done."""
    source = desk.add(image, name="large", contrast_limits=(0, 255), **options)
    desk.choose(tile=64)
    desk.begin()
    return source


def test_cancel_stops_after_the_tile_and_adds_nothing(desk, image):
    """The button shows it at once; soon the thread has ended and the widget is ready for the next click."""
    begin(desk, image)
    desk.click("cancel")
    assert desk.widget.bar.cancel.text() == "Canceling…"
    assert not desk.widget.bar.cancel.isEnabled()
    clicked = time.monotonic()
    desk.finish()
    assert time.monotonic() - clicked < 5
    assert desk.names == ["large"]
    assert "Canceled" in desk.note
    assert desk.widget.bar.start.isEnabled()
    assert not desk.widget.bar.cancel.isVisible()
    desk.until(lambda: not our_threads(), timeout=2000)
    assert desk.notifications == []


def test_progress_is_in_the_dock_and_in_the_activity_dock(desk, image, brake):
    """Both count tiles; the Cancel button of the activity dock works, too."""
    begin(desk, image)
    desk.until(lambda: len(progress._all_instances) == 1)
    (activity,) = progress._all_instances
    desk.until(lambda: activity.n > 0)
    assert "large" in activity.desc
    assert activity.total == desk.widget.bar.progress.maximum() == 24 * 24
    assert desk.note.startswith("Tile ")
    before = desk.widget.bar.progress.value()
    brake.nudge()
    desk.until(lambda: desk.widget.bar.progress.value() > before)
    activity.cancel()
    desk.finish()
    assert desk.names == ["large"]
    assert len(progress._all_instances) == 0


def test_cancel_stops_in_the_middle_of_a_tile(desk, noise, monkeypatch):
    """A deep network may need many seconds for one tile."""

    def one_long_tile(source, plan, **options):
        yield Progress(0, 1)
        x = torch.zeros(1)
        for _ in range(2000):
            time.sleep(0.01)
            x = x + 1
        raise AssertionError("ran to its end")

    monkeypatch.setattr(_run, "upscale_snapshot_steps", one_long_tile)
    desk.add(noise(50, 50))
    desk.click()
    desk.until(lambda: desk.note.startswith("Tile"))
    desk.click("cancel")
    clicked = time.monotonic()
    desk.finish()
    assert time.monotonic() - clicked < 5
    assert len(desk.names) == 1
    assert "Canceled" in desk.note
    assert desk.notifications == []


class Paints(QObject):
    """Counts paint events."""

    count = 0

    def eventFilter(self, _watched, event):
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_the_widget_is_not_repainted_without_progress(desk, image, qtbot):
    """Qt would compose the whole window, canvas included, on the cores that the run needs."""
    begin(desk, image)
    qtbot.wait(200)
    paints = Paints()
    desk.widget.bar.note.installEventFilter(paints)
    polls = []
    desk.widget._timer.timeout.connect(lambda: polls.append(None))
    desk.until(lambda: len(polls) >= 15)
    assert paints.count == 0


def test_the_result_of_a_deleted_layer_is_added(desk, noise, brake):
    """It is made from the pixels at the click."""
    image = noise(500, 500)
    begin(desk, image)
    desk.layers.remove(desk.layers["large"])
    assert desk.widget.form.layer.target is None
    brake.release()
    desk.finish()
    assert desk.names == ["large ×2 bicubic"]
    np.testing.assert_array_equal(desk.layers[0].data, upscale(image, 2, "bicubic"))


def test_selecting_another_layer_changes_neither_result_nor_selection(desk, noise, brake):
    """The result belongs to the layer of the click; the other layer stays selected."""
    image = noise(500, 500)
    source = begin(desk, image)
    labels = desk.viewer.add_labels(np.zeros((9, 9), int), name="labels")
    source.name = "renamed"
    source.translate = (100, 100)
    desk.choose(scale=4)
    brake.release()
    desk.finish()
    assert desk.names == ["renamed", "large ×2 bicubic", "labels"]
    assert desk.layers.selection.active == labels
    np.testing.assert_allclose(desk.layers[1].translate, -0.25)


def test_a_second_click_during_a_run_does_nothing(desk, image):
    begin(desk, image)
    assert not desk.widget.bar.start.isEnabled()
    desk.widget.upscale()
    desk.click("cancel")
    desk.finish()
    assert desk.names == ["large"]


def test_the_window_never_freezes(window, brake):
    """A timer of 5 ms keeps ticking while all cores compute, because they do so in another thread.

    A busy machine delays every window, so the time that the window's own thread computes is measured as well.
    """
    brake.release()
    smooth = np.add.outer(np.arange(2400), np.arange(2400)) / 20
    window.add(smooth.astype(np.uint8), name="large")
    window.choose(model="ecbsr", scale=2)
    window.begin()
    wall, own = [time.perf_counter()], [time.thread_time()]

    def tick():
        wall.append(time.perf_counter())
        own.append(time.thread_time())

    timer = QTimer(window.widget)
    timer.timeout.connect(tick)
    timer.start(5)
    window.until(lambda: not window.widget.running or wall[-1] - wall[0] > 4)
    timer.stop()
    window.shoot("running")
    window.widget.cancel()
    window.finish()
    assert np.median(np.diff(own)) < 0.02
    # On a fast machine the run is short: adding the result alone may then take a third of it.
    assert np.diff(wall).max() < max(0.2, (wall[-1] - wall[0]) / 3)


def test_closing_the_window_stops_the_run(window, image, qtbot):
    begin(window, image)
    assert our_threads()
    window.viewer.close()
    qtbot.waitUntil(lambda: not our_threads(), timeout=5000)
    assert len(progress._all_instances) == 0


def test_closing_the_dock_stops_the_run(window, image, qtbot):
    begin(window, image)
    window.viewer.window.remove_dock_widget(window.widget)
    qtbot.waitUntil(lambda: not our_threads(), timeout=5000)
    assert window.names == ["large"]


def test_two_widgets_take_turns(desk, image, noise, qtbot, brake):
    """Networks of two windows do not run at the same time; the second widget shows that it waits."""
    begin(desk, image)
    viewer = ViewerModel()
    widget = UpscaleWidget(viewer)
    qtbot.addWidget(widget)
    other = Desk(viewer, widget, qtbot)
    other.add(noise(16, 16), name="small")
    other.choose()
    other.widget.upscale()
    other.until(lambda: "Waiting" in other.note)
    assert desk.widget.running
    brake.release()
    desk.click("cancel")
    other.finish()
    assert other.names == ["small", "small ×2 bicubic"]
