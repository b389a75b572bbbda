"""What the engine says while it runs reaches the user."""

from __future__ import annotations

import logging
import threading

import napari.layers
import numpy as np
import torch
from napari_sr.layers._remarks import listening

from napari_sr import upscale
from napari_sr.layers import upscale_layer
from napari_sr.models import load_model


def test_warnings_are_heard_within_the_context_only():
    """Of our own loggers, formatted; not what is merely informative, nothing of others."""
    remarks = []
    ours, others = logging.getLogger("napari_sr"), logging.getLogger("another")
    with listening(remarks):
        ours.warning("memory ran out with tiles of %d pixels", 512)
        ours.getChild("inference").warning("and again")
        ours.info("by the way")
        others.warning("not for us")
    ours.warning("too late")
    assert remarks == ["memory ran out with tiles of 512 pixels", "and again"]


def test_the_logger_is_left_as_it_was_when_a_run_fails():
    before = list(logging.getLogger("napari_sr").handlers)
    try:
        with listening([]):
            raise ValueError
    except ValueError:
        pass
    assert logging.getLogger("napari_sr").handlers == before


def test_another_thread_has_remarks_of_its_own():
    remarks = []
    with listening(remarks):
        other = threading.Thread(target=logging.getLogger("napari_sr").warning, args=("not mine",))
        other.start()
        other.join()
    assert remarks == []


def test_the_layer_keeps_what_was_remarked(monkeypatch):
    """Such as that memory ran out: found in the metadata when the notification is long gone."""
    image = np.random.default_rng(0).integers(0, 255, (90, 90)).astype(np.uint8)
    expected = upscale(image, 2, "bicubic")
    network = load_model("bicubic").network(2)
    forward, calls = type(network).forward, []

    def short_of_memory(self, x):
        calls.append(x.shape)
        if x.shape[-1] > 40:
            raise torch.OutOfMemoryError
        return forward(self, x)

    monkeypatch.setattr(type(network), "forward", short_of_memory)
    upscaled = upscale_layer(napari.layers.Image(image), 2, "bicubic", tile=64)
    monkeypatch.undo()
    assert len(calls) > 4
    remarks = upscaled.metadata["napari_sr"]["remarks"]
    assert remarks
    assert all("memory ran out" in remark for remark in remarks)
    np.testing.assert_array_equal(upscaled.data, expected)


def test_the_layer_tells_for_how_many_pixels_bicubic_stands_in_and_why(monkeypatch):
    network = load_model("ecbsr").network(2)
    forward = type(network).forward

    def astray(self, x):
        y = forward(self, x)
        y[..., 20:22, 40:42] = 1e6
        y[..., 60:62, 80:84] = float("nan")
        return y

    monkeypatch.setattr(type(network), "forward", astray)
    image = np.random.default_rng(0).integers(100, 150, (50, 50)).astype(np.uint8)
    upscaled = upscale_layer(napari.layers.Image(image), 2, "ecbsr", tile=None)
    told = upscaled.metadata["napari_sr"]["replaced"]
    assert told == {"pixels": 3, "why": {"far outside the range": 1, "not finite": 2}}
    assert "3 pixels" in upscaled.metadata["napari_sr"]["remarks"][0]
    healthy = upscale_layer(napari.layers.Image(image), 2, "bicubic")
    assert healthy.metadata["napari_sr"]["replaced"] == {"pixels": 0, "why": {}}
