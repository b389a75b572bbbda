"""The options, the plan that they give, and how the controls fit into a dock."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel

from napari_sr._text import format_bytes
from napari_sr.models import list_models, local_scales


def choice(desk):
    """The layer that the combo box shows."""
    return desk.widget.form.layer.currentText()


def test_the_target_follows_the_selected_layer(desk, noise):
    """Adding, selecting, renaming, removing: the combo box shows what the layer list shows."""
    assert choice(desk) == ""
    first, second = desk.add(noise(8, 8), name="first"), desk.add(noise(8, 8), name="second")
    assert choice(desk) == "second"
    desk.layers.selection.active = first
    assert choice(desk) == "first"
    first.name = "renamed"
    assert choice(desk) == "renamed"
    desk.layers.selection = {first, second}
    assert choice(desk) == "renamed"
    desk.viewer.add_labels(np.zeros((8, 8), int))
    assert choice(desk) == ""
    desk.layers.selection.active = second
    desk.layers.remove(second)
    assert choice(desk) in {"", "renamed"}
    desk.layers.clear()
    assert choice(desk) == ""
    assert desk.widget.form.layer.count() == 0


def test_another_layer_can_be_chosen_in_the_combo_box(desk, noise):
    """The combo box lists image layers only, topmost first."""
    desk.add(noise(8, 8), name="first")
    desk.viewer.add_labels(np.zeros((8, 8), int))
    desk.add(noise(8, 8), name="second")
    combo = desk.widget.form.layer
    assert [combo.itemText(i) for i in range(combo.count())] == ["second", "first"]
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    desk.click()
    desk.finish()
    assert "first ×2 bicubic" in desk.names


def test_the_plan_describes_the_result_of_a_click(desk, noise):
    """Shape, type and size of the output, and tiles; updated whenever an option changes."""
    desk.add(noise(100, 130, dtype=np.uint16), name="a")
    desk.choose(scale=2.5, tile=64)
    desk.until(lambda: "100 × 130 → 250 × 325, uint16" in desk.plan)
    desk.until(lambda: "tiles" in desk.plan)
    assert "6 tiles of 64 × 64" in desk.plan
    desk.click()
    desk.finish()
    result = desk.layers[1].data
    assert result.shape == (250, 325)
    assert (desk.layers[1].metadata["napari_sr"]["tile"]) == [64, 64]
    assert format_bytes(result.nbytes) in desk.plan
    desk.choose(scale=3, tile=256)
    desk.until(lambda: "300 × 390" in desk.plan and "1 tile of 100 × 130" in desk.plan)


def test_new_data_of_a_layer_are_planned_again(desk, noise):
    layer = desk.add(noise(20, 20))
    desk.until(lambda: "40 × 40" in desk.plan)
    layer.data = noise(30, 30)
    desk.until(lambda: "60 × 60" in desk.plan)


def test_models_are_listed_under_the_headings_of_their_groups(desk):
    """Headings cannot be selected; every local model can, and is described; the others are counted."""
    combo = desk.widget.form.model
    headings, ids = [], []
    for index in range(combo.count()):
        item = combo.model().item(index)
        (ids if item.isEnabled() else headings).append(
            item.data(Qt.ItemDataRole.UserRole) or item.text()
        )
    cards = {card.id: card for card in list_models() if local_scales(card)}
    assert set(ids) == set(cards)
    absent = len(list_models()) - len(cards)
    groups = list(dict.fromkeys(card.group for card in cards.values()))
    assert headings == [*groups, *[f"{absent} more can be downloaded"] * bool(absent)]
    for model in ids:
        combo.choose(model)
        assert combo.card is cards[model]
        assert cards[model].summary in desk.widget.form.summary.text()


@pytest.mark.parametrize(
    ("typed", "value"), [("1.75", 1.75), ("2,5", None), ("0.5", None), ("99", None)]
)
def test_any_scale_from_1_to_16_can_be_typed(desk, qtbot, typed, value):
    """Other input is not accepted."""
    spin = desk.widget.form.scale._spin
    spin.selectAll()
    qtbot.keyClicks(spin, typed)
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    scale = desk.widget.form.scale.value
    assert scale == value if value else 1 <= scale <= 16


def test_presets_set_the_scale(desk, qtbot):
    buttons = desk.widget.form.scale.findChildren(QAbstractButton)
    for button in buttons:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert desk.widget.form.scale.value == float(button.text().strip("×"))
    assert len(buttons) == 3


def nothing_is_cut_off(widget):
    """Fail for the first label, button or combo box that cannot show all of its text."""
    for label in widget.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.height() >= label.heightForWidth(label.width()) > 0, label.text()
        elif label.isVisible():
            assert label.width() >= label.sizeHint().width(), label.text()
    for button in widget.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            text = button.fontMetrics().horizontalAdvance(button.text())
            assert button.width() >= text + 4, button.text()
    for combo in widget.findChildren(QComboBox):
        assert combo.width() >= combo.minimumSizeHint().width()


@pytest.mark.parametrize("width", [0, 300, 700])
def test_no_text_is_cut_off(desk, noise, width):
    """At the least width and at others, every label and button shows all of its text."""
    desk.add(noise(100, 130), name="a layer with a name that is much too long for any dock at all")
    desk.until(lambda: "200 × 260" in desk.plan)
    desk.widget.resize(max(width, desk.widget.minimumSizeHint().width()), 640)
    desk.click()
    desk.finish()
    desk._qtbot.waitUntil(partial(nothing_is_cut_off, desk.widget))


def test_every_control_has_a_tooltip(desk):
    form, bar = desk.widget.form, desk.widget.bar
    for control in (
        form.layer,
        form.model,
        form.device,
        form.tile,
        form.lazy,
        bar.start,
        bar.cancel,
    ):
        assert control.toolTip()


def test_a_label_shrinks_with_its_text(desk):
    """A long message leaves no gap behind."""
    label = desk.widget.form.summary
    label.setText("short")
    before = label.height()
    label.setText("word " * 80)
    assert label.height() > 2 * before
    label.setText("short")
    assert label.height() == before
