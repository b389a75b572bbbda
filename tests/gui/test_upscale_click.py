"""One click adds the right pixels, at the right place, with the right looks, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sr import upscale


def test_a_click_adds_what_the_engine_computes(window, noise):
    """Pixels, type, looks and record of the new layer; the source is unchanged."""
    image = noise(70, 90, dtype=np.uint16)
    source = window.add(
        image.copy(),
        name="cells",
        colormap="green",
        contrast_limits=(100, 3000),
        gamma=0.7,
        opacity=0.6,
        blending="additive",
        units=("um", "um"),
        axis_labels=("y", "x"),
        metadata={"stain": "DAPI"},
    )
    window.choose(scale=3)
    window.click()
    window.finish()
    assert window.names == ["cells", "cells ×3 bicubic"]
    result = window.layers[1]
    np.testing.assert_array_equal(result.data, upscale(image, 3, "bicubic", axes="YX"))
    np.testing.assert_array_equal(source.data, image)
    assert result.data.dtype == np.uint16
    for looks in ("gamma", "opacity", "blending", "units", "axis_labels", "contrast_limits"):
        assert getattr(result, looks) == getattr(source, looks), looks
    assert result.colormap.name == "green"
    assert result.metadata["stain"] == "DAPI"
    assert result.metadata["napari_sr"]["model"] == "bicubic"
    assert result.metadata["napari_sr"]["scale"] == [3, 3]
    assert "napari_sr" not in source.metadata
    assert "cells ×3 bicubic" in window.note
    assert window.notifications == []
    window.shoot("done")


def test_the_result_lies_on_its_source(desk, noise):
    """Every block of 2 × 2 pixels lies around its source pixel, with rotation, shear and affine."""
    affine = [[1.1, 0.2, 5], [-0.3, 0.9, -7], [0, 0, 1]]
    source = desk.add(
        noise(20, 30), scale=(0.5, 2), translate=(10, -3), rotate=30, shear=[0.4], affine=affine
    )
    desk.click()
    desk.finish()
    result = desk.layers[1]
    for pixel in [(0, 0), (19, 29), (7, 11)]:
        block = np.multiply(pixel, 2) + np.array(list(np.ndindex(2, 2)))
        mean = np.mean([result.data_to_world(point) for point in block], axis=0)
        np.testing.assert_allclose(mean, source.data_to_world(pixel), atol=1e-12)


def test_rgb_stays_rgb(desk, noise):
    source = desk.add(noise(32, 40, 3), name="photo", rgb=True)
    desk.click()
    desk.finish()
    result = desk.layers[1]
    assert result.rgb
    assert result.data.shape == (64, 80, 3)
    np.testing.assert_array_equal(result.data, upscale(source.data, 2, "bicubic", axes="YXS"))


def test_a_stack_is_upscaled_plane_by_plane(desk, noise):
    source = desk.add(noise(3, 24, 20, dtype=np.float32), scale=(5, 1, 1))
    desk.click()
    desk.finish()
    result = desk.layers[1]
    assert result.data.shape == (3, 48, 40)
    assert tuple(result.scale) == (5, 0.5, 0.5)
    np.testing.assert_array_equal(result.data, upscale(source.data, 2, "bicubic", axes="ZYX"))


def test_the_result_is_selected_and_the_target_stays(desk, noise):
    """The next click upscales the same source, and its result gets another name."""
    source = desk.add(noise(16, 16), name="a")
    for _ in range(2):
        desk.click()
        desk.finish()
    assert desk.names == ["a", "a ×2 bicubic [1]", "a ×2 bicubic"]
    assert desk.widget.form.layer.target == source
    assert desk.layers.selection.active == desk.layers[1]


def test_the_result_lies_above_its_source_not_on_top(desk, noise):
    source = desk.add(noise(16, 16), name="a")
    desk.add(noise(16, 16), name="b")
    desk.layers.selection.active = source
    desk.click()
    desk.finish()
    assert desk.names == ["a", "a ×2 bicubic", "b"]


def test_the_shortcut_is_a_click(window, noise, qtbot):
    window.add(noise(16, 16), name="a")
    window.viewer.window.activate()
    window.widget.form.scale.setFocus()
    qtbot.waitUntil(window.widget.form.scale.hasFocus)
    qtbot.keyClick(window.widget.form.scale, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    window.finish()
    assert window.names == ["a", "a ×2 bicubic"]


@pytest.mark.parametrize("other", ["labels", "points", "shapes"])
def test_other_types_of_layers_are_refused_with_a_message(desk, noise, other):
    desk.add(noise(16, 16), name="image")
    add = {
        "labels": lambda: desk.viewer.add_labels(np.zeros((8, 8), int), name="it"),
        "points": lambda: desk.viewer.add_points([[1, 1]], name="it"),
        "shapes": lambda: desk.viewer.add_shapes([[[0, 0], [1, 1]]], name="it"),
    }
    add[other]()
    desk.until(lambda: "only image layers" in desk.plan)
    desk.click()
    assert any("'it' is a" in text and "only image layers" in text for text in desk.notifications)
    assert desk.names == ["image", "it"]
    assert not desk.widget.running


def test_an_empty_selection_is_refused_with_a_message(desk, noise):
    desk.add(noise(16, 16), name="image")
    desk.layers.selection.clear()
    desk.until(lambda: "No layer is selected" in desk.plan)
    desk.click()
    assert any("No layer is selected" in text for text in desk.notifications)
    assert desk.names == ["image"]


def test_an_error_of_the_engine_is_a_notification(desk):
    """A result of a terabyte gives one line about memory, and nothing is added."""
    frames = np.broadcast_to(np.zeros((64, 64), np.uint8), (2_000_000, 64, 64))
    desk.add(frames, name="film", contrast_limits=(0, 1))
    desk.choose(scale=16)
    desk.click()
    desk.finish()
    assert any("memory" in text for text in desk.notifications)
    assert desk.names == ["film"]
    assert "nothing was added" in desk.note
