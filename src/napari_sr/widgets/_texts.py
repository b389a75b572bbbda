"""All text and shortcuts of the widgets, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FINE_TUNE", "MODELS", "UPSCALE", "Texts"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Text of one widget; the keys are names of controls and events."""

    labels: Mapping[str, str]
    """Shown on and beside the controls."""
    tooltips: Mapping[str, str]
    """Shown when the pointer rests on a control."""
    notes: Mapping[str, str]
    """Shown in the line below the buttons, and questions."""
    shortcuts: Mapping[str, str]
    """Keys that act while the keyboard focus is in the widget."""


UPSCALE = Texts(
    labels={
        "layer": "Layer",
        "model": "Model",
        "more_models": "{count} more can be downloaded",
        "scale": "Scale",
        "device": "Device",
        "tile": "Tile",
        "lazy": "Compute only what is shown",
        "pyramid": "Add as new finest level",
        "isotropic": "Make voxels isotropic",
        "uncertainty": "Add the uncertainty",
        "upscale": "Upscale",
        "cancel": "Cancel",
        "cancelling": "Canceling…",
        "no_layer": "Select an image layer",
        "auto": "Automatic",
        "cpu": "CPU",
        "whole": "Whole image",
    },
    tooltips={
        "layer": "The image to upscale: the selected layer. The layer itself is not changed.",
        "model": "The network that adds the detail.",
        "more_models": "Open Plugins > Super-resolution > Models, or run: napari-sr models download NAME",
        "scale": "Output pixels per input pixel along Y and X: any number from 1 to 16.",
        "preset": "Upscale {factor} times",
        "device": "Where the network runs. Automatic uses a graphics card if there is one.",
        "tile": "The image is processed in tiles of this many pixels, to fit into memory. The result does not depend "
        "on it.",
        "lazy": "Adds the result at once and computes each plane when it is shown, for images that do not fit into "
        "memory. Otherwise the whole result is computed now.",
        "pyramid": "Adds a multiscale layer: the upscaled image, computed where you zoom in, above the existing "
        "levels. Otherwise the new layer has one level.",
        "isotropic": "The planes of this layer are further apart than its pixels. This enlarges Z, too, until they are "
        "equally close. With a scale of 1, Y and X keep their size.",
        "uncertainty": "Upscales the image in all 8 flips and rotations and adds their mean, and a second layer, "
        "hidden at first, with their standard deviation. Takes 8 times as long.",
        "upscale": "Add an upscaled copy above the layer ({shortcut}).",
        "cancel": "Stop now; nothing is added ({shortcut}).",
    },
    notes={
        "planning": "Planning…",
        "waiting": "Waiting for another run to finish…",
        "preparing": "Preparing…",
        "cancelling": "Stopping…",
        "cancelled": "Canceled; nothing was added.",
        "failed": "Stopped by an error; nothing was added.",
        "done": "Added '{name}' in {seconds}.",
        "lazy_done": "Added '{name}'; the rest is computed when it is shown.",
        "asynchronous": " To keep the window responsive meanwhile, <a href='async' style='color: #3f8efc'>switch "
        "on</a> Preferences, Experimental, Render Layers Asynchronously.",
        "asynchronous_on": "napari now computes planes in the background, and the window stays responsive.",
        "steps": "Tile {done} of {total}",
        "left": "{about} left",
        "activity": "Upscaling {name}",
    },
    shortcuts={"upscale": "Ctrl+Return", "cancel": "Esc"},
)

FINE_TUNE = Texts(
    labels={
        "layer": "Layer",
        "base": "Start from",
        "scale": "Scale",
        "minutes": "At most",
        "minutes_suffix": " min",
        "name": "Name",
        "name_hint": "derived from the model's name",
        "start": "Fine-tune",
        "cancel": "Cancel",
        "what": "Trains a model on your own image: reduced parts of the image are the input, the parts themselves the "
        "target. Parts that are held out measure the gain; without a gain, nothing is kept.",
    },
    tooltips={
        "layer": "The image to train on, all of it; the layer is not changed.",
        "base": "The model to start from; it is not changed.",
        "scale": "The factor to train for: one of the model's native scales.",
        "minutes": "Training stops earlier if there is no further gain.",
        "name": "Name of the new model: lowercase letters, digits, dots and dashes.",
        "start": "Train, and add a model to the group Mine if it is better.",
        "cancel": "Stop now; nothing is kept.",
    },
    notes={
        "waiting": "Waiting for another run to finish…",
        "preparing": "Cutting the image into tiles…",
        "learning": "{done:.0f} of {total:.0f} s; best so far: {gain:+.2f} dB on tiles held out",
        "cancelling": "Stopping…",
        "cancelled": "Canceled; nothing was kept.",
        "failed": "Stopped by an error; nothing was kept.",
        "won": "Added '{name}' to your models: {gain:+.2f} dB over {base} on {tiles} held-out parts of the image.",
        "too_sharp": "{base} is kept: held-out parts gained {gain:+.2f} dB, but would change by {soft:+.2f} dB if the "
        "image is as blurred as it may be.",
        "kept": "{base} is kept: the gain was only {gain:+.2f} dB on {tiles} held-out parts.",
    },
    shortcuts={},
)

MODELS = Texts(
    labels={
        "model": "Model",
        "download_column": "Download",
        "license": "License",
        "all": "All models",
        "installed": "Installed",
        "is_installed": "installed",
        "available": "To download",
        "filter": "Filter",
        "download": "Download",
        "download_size": "Download {size}",
        "cancel": "Cancel",
        "import": "Import file…",
        "remove": "Remove",
        "paper": "Open paper",
        "nothing": "Select a model to see its details.",
        "pick": "Import a model",
        "files": "Checkpoints ({suffixes})",
        "range": "Which value is white in the data that this network was trained on?",
    },
    tooltips={
        "filter": "Show only models whose name, description, license or paper contains these words.",
        "show": "Show all models, only installed ones, or only those that can be downloaded.",
        "list": "Models of the catalog. Installed ones can be selected in the Upscale widget.",
        "download": "Download the weights and verify them.",
        "cancel": "Stop; incomplete files are deleted.",
        "import": "Add a checkpoint file (.pth, .safetensors, .onnx, …) to the catalog. It is copied.",
        "remove": "Delete the downloaded files, or remove a model of your own from the catalog.",
        "paper": "Open the paper of this model in the browser.",
    },
    notes={
        "connecting": "Connecting…",
        "waiting": "Waiting for another download to finish…",
        "bytes": "{name}: {done} of {total}",
        "some": "{name}: {done}",
        "cancelling": "Stopping…",
        "cancelled": "Canceled; nothing was kept.",
        "failed": "Failed; nothing was changed.",
        "downloaded": "Downloaded {name}. Select it in the Upscale widget.",
        "importing": "Examining {name}…",
        "imported": "Imported {name}. Select it in the Upscale widget.",
        "removed": "Removed {name}.",
        "ask_download": "Download {name}?",
        "ask_remove": "Delete the files of {name}?",
        "ask_trust": "Do you trust the author of {name} and want to import it?",
        "trust": "{name} contains a program (TorchScript or ONNX), not only the weights of a network. If you import "
        "it, this program will run on your computer whenever the model is used. Its operations are checked and "
        "limited, but no check is perfect: only open files from people you trust.",
    },
    shortcuts={},
)
