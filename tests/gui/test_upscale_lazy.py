"""Layers whose data are read in chunks."""

from __future__ import annotations

import time

import dask.array as da
import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import QTimer

from napari_sr import upscale


@pytest.fixture
def stack(noise):
    """Three planes."""
    return noise(3, 40, 50)


@pytest.fixture
def read():
    """Numbers of the planes that have been read."""
    return []


@pytest.fixture
def lazy(stack, read):
    """The same planes, read when they are needed."""

    def plane(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return stack[read[-1]][None]

    return da.map_blocks(plane, chunks=((1, 1, 1), (40,), (50,)), dtype=np.uint8)


def test_a_lazy_layer_is_upscaled_where_it_is_shown(window, lazy, stack):
    """The plan says so; the plane that is shown first is computed in the other thread, not by the window."""
    window.add(lazy, name="film", contrast_limits=(0, 255))
    window.viewer.dims.set_point(0, 1)
    window.until(lambda: window.widget.form.lazy.isVisible() and "when shown" in window.plan)
    window.click()
    window.finish()
    result = window.layers[1]
    assert isinstance(result.data, da.Array)
    expected = upscale(stack, 2, "bicubic", axes="ZYX")
    np.testing.assert_array_equal(np.asarray(result.data[1]), expected[1])
    np.testing.assert_array_equal(np.asarray(result.data), expected)
    assert "Render Layers Asynchronously" in window.note


def test_adding_a_lazy_result_reads_nothing_in_the_thread_of_the_window(desk, lazy, read):
    desk.add(lazy, name="film", contrast_limits=(0, 255))
    desk.click()
    desk.finish()
    before = len(read)
    shown = desk.viewer.dims.current_step[0]
    np.asarray(desk.layers[1].data[shown])
    assert len(read) == before
    np.asarray(desk.layers[1].data[shown - 1])
    assert len(read) > before


def test_a_lazy_layer_can_be_computed_at_once(desk, lazy, stack):
    desk.add(lazy, name="film", contrast_limits=(0, 255))
    desk.choose(lazy=False)
    desk.until(lambda: "3 tiles" in desk.plan and "when shown" not in desk.plan)
    desk.click()
    desk.finish()
    assert isinstance(desk.layers[1].data, np.ndarray)
    np.testing.assert_array_equal(desk.layers[1].data, upscale(stack, 2, "bicubic", axes="ZYX"))


def test_layers_in_memory_cannot_be_computed_lazily(desk, stack):
    desk.add(stack)
    desk.until(lambda: "tiles" in desk.plan)
    assert not desk.widget.form.lazy.isVisible()


def test_a_multiscale_layer_can_get_a_new_finest_level(window, noise):
    """The tick box is shown for multiscale layers only; the result has the old levels below the new one."""
    form, picture = window.widget.form, window.add(noise(20, 20), name="plain")
    window.until(lambda: "tile" in window.plan)
    assert not form.pyramid.isVisible()
    image = np.tile(noise(32, 32), (8, 8))
    levels = [image, image[::2, ::2], image[::4, ::4]]
    pyramid = window.add(levels, multiscale=True, name="slide", scale=(2, 2))
    window.until(lambda: form.pyramid.isVisible() and "tile" in window.plan)
    form.pyramid.setChecked(True)
    window.until(lambda: "when shown" in window.plan)
    window.shoot("pyramid-before")
    window.click()
    window.finish()
    result = window.layers[-1]
    assert result is not picture
    assert result.multiscale
    assert [level.shape for level in result.data] == [(512, 512), (256, 256), (128, 128), (64, 64)]
    assert isinstance(result.data[0], da.Array)
    np.testing.assert_allclose(
        result.data_to_world((511.5, 511.5)), pyramid.data_to_world((255.5, 255.5))
    )
    getattr(window.viewer, "scene", window.viewer).camera.zoom *= 6  # napari 0.9 has moved it
    window.until(lambda: result.data_level == 0)
    window.shoot("pyramid-after")


def test_the_link_in_the_note_lets_napari_compute_planes_in_the_background(window, qtbot):
    """After a click on it, planes that take a second do not block the window."""
    settings = get_settings().experimental
    assert not settings.async_
    slow = da.zeros((9, 40, 50), chunks=(1, 40, 50), dtype=np.uint8).map_blocks(
        lambda block: time.sleep(1) or block, meta=np.empty((0, 0, 0), np.uint8)
    )
    window.add(da.zeros((9, 40, 50), chunks=(1, 40, 50), dtype=np.uint8), contrast_limits=(0, 255))
    window.click()
    window.finish()
    result = window.layers[1]
    window.widget.bar.note.linkActivated.emit("async")
    assert settings.async_
    assert "Asynchronously" not in window.note
    result.data = slow
    beats = [time.monotonic()]
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.monotonic()))
    timer.start(20)
    window.viewer.dims.set_point(0, 7)
    window.until(lambda: result.loaded and len(beats) > 20)
    timer.stop()
    assert beats[-1] - beats[0] > 0.9
    assert np.diff(beats).max() < 0.8
