"""Every word of the Fine-tune widget, in the user's language and in one place."""

from __future__ import annotations

__all__ = ["LABELS", "NOTES", "TOOLTIPS"]

LABELS = {
    "layer": "Layer",
    "base": "Begin with",
    "scale": "Scale",
    "minutes": "At most",
    "minutes_suffix": " min",
    "name": "Name",
    "name_hint": "made from the model's",
    "start": "Fine-tune",
    "cancel": "Cancel",
    "what": "A model learns from your own image: it is made smaller, and the model learns the way back. Parts that it "
    "never saw tell what it gained; if it gained nothing, nothing is kept.",
}
"""What stands on and beside the controls."""

TOOLTIPS = {
    "layer": "The image to learn from, as much of it as there is; it is not changed.",
    "base": "The model to begin with; it is not changed.",
    "scale": "The factor to learn: one that the model was made for.",
    "minutes": "It stops earlier where it gets no better.",
    "name": "Of the new model in the Upscale widget: small letters, digits, dots and dashes.",
    "start": "Learn, and add a model to the group Mine if it is better.",
    "cancel": "Stop now; nothing is kept.",
}
"""What appears when the pointer rests on a control."""

NOTES = {
    "waiting": "Waiting for another run to end…",
    "preparing": "Cutting the image into tiles…",
    "learning": "{done:.0f} of {total:.0f} s; best so far: {gain:+.2f} dB on tiles held out",
    "cancelling": "Stopping…",
    "cancelled": "Cancelled; nothing was kept.",
    "failed": "Stopped by an error; nothing was kept.",
    "won": "'{name}' is now among your models: {gain:+.2f} dB over {base} on {tiles} parts of the image that it never "
    "saw.",
    "too_sharp": "{base} is kept: parts held out gained {gain:+.2f} dB, but as soft as the image may be they would "
    "change by {soft:+.2f} dB.",
    "kept": "{base} is as good as it gets here ({gain:+.2f} dB on {tiles} parts held out); nothing was added.",
}
"""What the line below the buttons says."""
