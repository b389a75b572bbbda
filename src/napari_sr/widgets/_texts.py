"""Every word and shortcut of the widgets, in the user's language and in one place."""

from __future__ import annotations

__all__ = ["LABELS", "NOTES", "SHORTCUTS", "TOOLTIPS"]

LABELS = {
    "layer": "Layer",
    "model": "Model",
    "more_models": "{count} more can be downloaded",
    "scale": "Scale",
    "device": "Device",
    "tile": "Tile",
    "lazy": "Compute only where I look",
    "pyramid": "Add as new finest level",
    "isotropic": "Make voxels cubes",
    "uncertainty": "Add the uncertainty",
    "upscale": "Upscale",
    "cancel": "Cancel",
    "cancelling": "Cancelling…",
    "no_layer": "Select an image layer",
    "auto": "Automatic",
    "cpu": "CPU",
    "whole": "Whole image",
}
"""What stands on and beside the controls."""

TOOLTIPS = {
    "layer": "The image to upscale. Follows the selected layer; the layer itself is never changed.",
    "model": "The network that fills in the finer pixels.",
    "more_models": "In the menu Plugins, Super-resolution, Models; or on the command line: "
    "napari-sr models download NAME",
    "scale": "Output pixels per input pixel along Y and X: any number from 1 to 16.",
    "preset": "Upscale {factor} times",
    "device": "Where the network runs. Automatic takes a graphics card if there is one.",
    "tile": "The image is cut into tiles of this many pixels, so that it fits into memory. "
    "The result does not depend on it.",
    "lazy": "Adds the result at once and computes each plane when it is shown, for images that do not fit "
    "into memory. Otherwise the whole result is computed now.",
    "pyramid": "The result is a multiscale layer: the upscaled image, computed where you zoom in, above the levels "
    "that the layer has. Otherwise it has one level.",
    "isotropic": "Planes of this layer are further apart than its pixels. Enlarges Z, too, until they are as close; "
    "with a scale of 1, Y and X stay as they are.",
    "uncertainty": "Upscales the image in all 8 flips and rotations: the mean is the result, and a second layer, "
    "hidden at first, shows how much they differ. Takes 8 times as long.",
    "upscale": "Add an upscaled copy of the layer above it ({shortcut}).",
    "cancel": "Stop now; nothing is added ({shortcut}).",
}
"""What appears when the pointer rests on a control."""

SHORTCUTS = {"upscale": "Ctrl+Return", "cancel": "Esc"}
"""Keys, while the keyboard focus is in the widget."""

NOTES = {
    "planning": "Planning…",
    "waiting": "Waiting for another run to end…",
    "preparing": "Preparing…",
    "cancelling": "Stopping…",
    "cancelled": "Cancelled; nothing was added.",
    "failed": "Stopped by an error; nothing was added.",
    "done": "Added '{name}' in {seconds}.",
    "lazy_done": "Added '{name}'; what is not shown yet will be computed when you look at it.",
    "asynchronous": " To keep the window alive meanwhile, <a href='async' style='color: #3f8efc'>switch on</a> "
    "Preferences, Experimental, "
    "Render Layers Asynchronously.",
    "asynchronous_on": "napari now shows planes when they are computed, and the window stays alive meanwhile.",
    "steps": "Tile {done} of {total}",
    "left": "{about} left",
    "activity": "Upscaling {name}",
}
"""What the lines below the buttons say."""
