"""Layers that lie on disk or in chunks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_sr import upscale


@pytest.fixture
def stack(noise):
    """Three planes."""
    return noise(3, 40, 50)


@pytest.fixture
def read():
    """Numbers of the planes that were read."""
    return []


@pytest.fixture
def lazy(stack, read):
    """The same planes, read when they are needed."""

    def plane(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return stack[read[-1]][None]

    return da.map_blocks(plane, chunks=((1, 1, 1), (40,), (50,)), dtype=np.uint8)


def test_a_lazy_layer_is_upscaled_where_it_is_looked_at(window, lazy, stack):
    """The widget says so beforehand; the plane that is shown is computed by the other thread, not by the window."""
    window.add(lazy, name="film", contrast_limits=(0, 255))
    window.viewer.dims.set_point(0, 1)
    window.until(lambda: window.widget.form.lazy.isVisible() and "where you look" in window.plan)
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
    desk.until(lambda: "3 tiles" in desk.plan and "where you look" not in desk.plan)
    desk.click()
    desk.finish()
    assert isinstance(desk.layers[1].data, np.ndarray)
    np.testing.assert_array_equal(desk.layers[1].data, upscale(stack, 2, "bicubic", axes="ZYX"))


def test_layers_in_memory_have_no_such_choice(desk, stack):
    desk.add(stack)
    desk.until(lambda: "tiles" in desk.plan)
    assert not desk.widget.form.lazy.isVisible()
