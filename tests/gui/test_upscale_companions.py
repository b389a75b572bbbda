"""The tick boxes for isotropic voxels and for the uncertainty."""

from __future__ import annotations

import numpy as np


def test_a_click_makes_a_stack_isotropic(desk, noise):
    """The box is shown only where the distance of planes is known."""
    form = desk.widget.form
    desk.add(noise(30, 32), name="flat")
    desk.until(lambda: "60 × 64" in desk.plan)
    assert not form.isotropic.isVisibleTo(form)
    desk.add(noise(4, 30, 32), name="unknown")
    desk.until(lambda: "4 × 60 × 64" in desk.plan)
    assert not form.isotropic.isVisibleTo(form)
    stack = desk.add(noise(4, 30, 32), name="stack", scale=(3, 1, 1))
    desk.until(lambda: form.isotropic.isVisibleTo(form))
    desk.choose(scale=1)
    form.isotropic.setChecked(True)
    desk.until(lambda: "4 × 30 × 32 → 12 × 30 × 32" in desk.plan and "tile" in desk.plan)
    assert not form.uncertainty.isEnabled()
    desk.click()
    desk.finish()
    result = desk.layers["stack isotropic bicubic"]
    assert result.data.shape == (12, 30, 32)
    np.testing.assert_allclose(result.scale, 1)
    np.testing.assert_allclose(result.extent.world[0], stack.extent.world[0], atol=1.01)


def test_a_box_that_was_ticked_for_another_layer_has_no_effect(desk, noise):
    stack = desk.add(noise(4, 20, 22), name="stack", scale=(3, 1, 1))
    desk.until(lambda: desk.widget.form.isotropic.isVisibleTo(desk.widget.form))
    desk.widget.form.isotropic.setChecked(True)
    desk.add(noise(20, 22), name="flat")
    desk.click()
    desk.finish()
    assert desk.layers["flat ×2 bicubic"].data.shape == (40, 44)
    assert stack in desk.layers


def test_the_uncertainty_is_a_hidden_layer_above_the_result(window, noise):
    desk = window
    desk.add(noise(4, 40, 50), name="cells", scale=(3, 1, 1))
    desk.choose(model="ecbsr")
    desk.widget.form.uncertainty.setChecked(True)
    desk.until(lambda: "tile" in desk.plan and "Planning" not in desk.plan)
    desk.click()
    desk.finish()
    assert desk.names == ["cells", "cells ×2 ecbsr", "cells ×2 ecbsr uncertainty"]
    assert not desk.layers[2].visible
    assert desk.layers[2].data.shape == desk.layers[1].data.shape
    assert desk.layers.selection.active is desk.layers[1]
    desk.until(lambda: "Planning" not in desk.plan)
    desk.shoot("companions")
