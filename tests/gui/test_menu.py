"""The command in the Layers menu."""

from __future__ import annotations

import pytest
from app_model.types import MenuItem
from napari._app_model import get_app_model
from npe2 import PluginManager

COMMAND = "napari-sr.upscale_layer"


@pytest.fixture
def command(window):
    """A function that runs the command as the menu does; the widget is open already."""
    return lambda: get_app_model().commands.execute_command(COMMAND).result()


def test_the_layers_menu_has_the_command(window):
    items = get_app_model().menus.get_menu("napari/layers/transform")
    titles = {item.command.id: item.command.title for item in items if isinstance(item, MenuItem)}
    assert "super-resolution" in titles[COMMAND]
    assert PluginManager.instance().get_manifest("napari-sr").display_name == "Super-resolution"


def test_the_command_shows_the_widget_with_the_selected_layer(window, command, noise):
    """A hidden dock is shown; the target is the selected layer."""
    layer = window.add(noise(16, 16), name="a")
    window.widget.parent().hide()
    command()
    assert window.widget.isVisible()
    assert window.widget.form.layer.target == layer
    assert window.notifications == []


def test_the_command_shows_why_nothing_can_be_upscaled(window, command):
    command()
    assert any("No layer is selected" in text for text in window.notifications)
