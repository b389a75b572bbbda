"""A real napari window with our widget docked, and a driver that uses it as a user does."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_sr.widgets import UpscaleWidget, _run

HERE = Path(__file__).parent
NO_SCREEN = sys.platform.startswith("linux") and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)


def pytest_collection_modifyitems(items):
    """Skip without a screen: Qt would end the whole process."""
    if NO_SCREEN:
        skip = pytest.mark.skip(reason="needs a screen; scripts/test starts a virtual one")
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(skip)


class Desk:
    """A viewer with the Upscale widget, used as a user uses them."""

    def __init__(self, viewer, widget, qtbot):
        self.viewer = viewer
        self.widget: UpscaleWidget = widget
        self._qtbot = qtbot
        self._before = len(notification_manager.records)

    @property
    def layers(self):
        return self.viewer.layers

    @property
    def names(self):
        return [layer.name for layer in self.layers]

    @property
    def plan(self):
        """The text that describes the plan."""
        return self.widget.bar.plan.text().replace("\u00a0", " ")

    @property
    def note(self):
        """The text below the buttons."""
        return self.widget.bar.note.text().replace("\u00a0", " ")

    @property
    def notifications(self):
        """Notifications that napari has shown since the window was opened."""
        return [str(record.message) for record in notification_manager.records[self._before :]]

    def add(self, image, **options):
        """Add an image layer, as dropping a file does."""
        return self.viewer.add_image(image, **options)

    def choose(self, *, model="bicubic", scale=2, tile=None, lazy=True):
        """Set the options."""
        form = self.widget.form
        form.model.choose(model)
        form.scale.value = scale
        form.tile.setCurrentIndex(form.tile.findData(tile or "auto"))
        form.lazy.setChecked(lazy)

    def click(self, button="start"):
        """Press a button of the widget with the mouse."""
        self._qtbot.mouseClick(getattr(self.widget.bar, button), Qt.MouseButton.LeftButton)

    def until(self, condition, timeout=60_000):
        """Process events until a condition holds."""
        self._qtbot.waitUntil(condition, timeout=timeout)

    def finish(self):
        """Process events until the run has ended."""
        self.until(lambda: not self.widget.running)

    def begin(self):
        """Click, and wait until the first tiles are done but not all."""
        self.click()
        runs = self.widget._work
        self.until(lambda: bool(runs) and runs[0].fraction[0] > 0)

    def shoot(self, name):
        """Leave a picture of the window in the folder ``NAPARI_SR_SCREENSHOTS``, if that is set."""
        if folder := os.environ.get("NAPARI_SR_SCREENSHOTS"):
            self._qtbot.wait(300)
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.viewer.window.screenshot(str(Path(folder) / f"{name}.png"), canvas_only=False)


class Brake:
    """Holds every run after its first tiles until it is released, however fast the machine is.

    A held run keeps reporting its progress, so that it can be canceled as at any other tile.
    """

    def __init__(self, steps):
        self._steps = steps
        self._free = threading.Event()
        self._permits = threading.Semaphore(0)

    def release(self):
        """Let all runs continue to their end."""
        self._free.set()

    def nudge(self):
        """Let one more batch of tiles be done."""
        self._permits.release()

    def __call__(self, source, plan, **options):
        with closing(self._steps(source, plan, **options)) as steps:
            while True:
                try:
                    state = next(steps)
                except StopIteration as end:
                    return end.value
                yield state
                while state.done and not self._lets():
                    time.sleep(0.002)
                    yield state

    def _lets(self):
        return self._free.is_set() or self._permits.acquire(blocking=False)


@pytest.fixture
def brake(monkeypatch):
    """Runs begin, and do not end before they are released."""
    brake = Brake(_run.upscale_snapshot_steps)
    monkeypatch.setattr(_run, "upscale_snapshot_steps", brake)
    yield brake
    brake.release()


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """An open napari window without layers; afterwards no thread of ours may be left."""
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sr", "Upscale")
    desk = Desk(viewer, widget, qtbot)
    desk.choose()
    yield desk
    qtbot.waitUntil(lambda: not our_threads(), timeout=30_000)


@pytest.fixture
def desk(qtbot):
    """The widget with a viewer that has no window, which opens quickly."""
    viewer = ViewerModel()
    widget = UpscaleWidget(viewer)
    qtbot.addWidget(widget)
    widget.show()
    desk = Desk(viewer, widget, qtbot)
    desk.choose()
    yield desk
    widget.cancel()
    qtbot.waitUntil(lambda: not our_threads(), timeout=30_000)


def our_threads():
    """Threads of napari-sr."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("napari-sr")]


@pytest.fixture
def noise():
    """A function that makes images of noise."""

    def make(*shape, dtype=np.uint8):
        random = np.random.default_rng(sum(shape))
        if np.issubdtype(dtype, np.floating):
            return random.normal(size=shape).astype(dtype)
        return random.integers(0, min(np.iinfo(dtype).max, 4000), shape).astype(dtype)

    return make
