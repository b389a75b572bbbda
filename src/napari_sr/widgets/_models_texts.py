"""Every word of the Models widget, in the user's language and in one place."""

from __future__ import annotations

__all__ = ["COLUMNS", "LABELS", "NOTES", "SHOW", "TOOLTIPS"]

COLUMNS = ("Model", "Here", "License")
"""Headings of the list."""

SHOW = ("All models", "On this machine", "To download")
"""Choices of what is listed."""

LABELS = {
    "filter": "Filter",
    "download": "Download",
    "download_size": "Download {size}",
    "cancel": "Cancel",
    "import": "Import file…",
    "remove": "Remove",
    "paper": "Open paper",
    "here": "yes",
    "nothing": "Choose a model to see what is known of it.",
    "pick": "Import a model",
    "files": "Checkpoints ({suffixes})",
    "range": "Which value does white have in the data that this network was trained on?",
}
"""What stands on and beside the controls."""

TOOLTIPS = {
    "filter": "Show only models whose name, description, license or paper contains these words.",
    "show": "Show all models, or only those that are, or are not, on this machine.",
    "list": "Models of the catalog; those that are on this machine can be chosen in the Upscale widget.",
    "download": "Download the weights and verify them.",
    "cancel": "Stop; what is half downloaded is deleted.",
    "import": "Take a checkpoint file (.pth, .safetensors, .onnx, …) into the catalog. It is copied.",
    "remove": "Delete the downloaded files, or take a model of your own out of the catalog.",
    "paper": "Show the paper of this model in the browser.",
}
"""What appears when the pointer rests on a control."""

NOTES = {
    "connecting": "Connecting…",
    "waiting": "Waiting for another download to end…",
    "bytes": "{name}: {done} of {total}",
    "some": "{name}: {done}",
    "cancelling": "Stopping…",
    "cancelled": "Cancelled; nothing was kept.",
    "failed": "Failed; nothing was changed.",
    "downloaded": "Downloaded {name}. Choose it in the Upscale widget.",
    "importing": "Looking into {name}…",
    "imported": "Imported {name}. Choose it in the Upscale widget.",
    "removed": "Removed {name}.",
    "ask_download": "Download {name}?",
    "ask_remove": "Delete the files of {name} from this machine?",
    "trust": "{name} holds a program (TorchScript or ONNX), not only the weights of a network. If you import it, "
    "this program will run on your computer whenever the model is used. Its operations are checked and limited, but "
    "no check is perfect: only open files from people you trust.",
    "ask_trust": "Do you trust the author of {name} and want to import it?",
}
"""What the line below the buttons says, and questions."""
