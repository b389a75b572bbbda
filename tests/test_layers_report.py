"""The report of a run reaches the user: in the metadata of the new layer, and on the console."""

from __future__ import annotations

import napari.layers
import numpy as np
import pytest
import torch

from napari_sr import upscale
from napari_sr.layers import upscale_layer, upscale_layer_steps
from napari_sr.models import load_model


@pytest.fixture
def short_of_memory(monkeypatch):
    """Memory runs out for windows wider than 40 pixels; gives the shapes of all windows that were tried."""
    network = load_model("bicubic").network(2)
    forward, calls = type(network).forward, []

    def forward_in_little_memory(self, x):
        calls.append(x.shape)
        if x.shape[-1] > 40:
            raise torch.OutOfMemoryError
        return forward(self, x)

    monkeypatch.setattr(type(network), "forward", forward_in_little_memory)
    return calls


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (90, 90)).astype(np.uint8)


def test_the_layer_records_that_memory_ran_out(short_of_memory, image, monkeypatch):
    """The messages are in the metadata when the notification is long gone."""
    upscaled = upscale_layer(napari.layers.Image(image), 2, "bicubic", tile=64)
    monkeypatch.undo()
    assert len(short_of_memory) > 4
    remarks = upscaled.metadata["napari_sr"]["remarks"]
    assert remarks
    assert all("memory ran out" in remark for remark in remarks)
    np.testing.assert_array_equal(upscaled.data, upscale(image, 2, "bicubic"))


def test_messages_are_part_of_the_progress_and_logged_once(short_of_memory, image, caplog):
    """Whoever watches the steps shows them at once; whoever calls the function finds them in the log."""
    steps = upscale_layer_steps(napari.layers.Image(image), 2, "bicubic", tile=64)
    seen = [step.messages for step in steps]
    assert seen[0] == ()
    assert all("memory ran out" in message for message in seen[-1])
    assert caplog.text == ""
    layer = upscale_layer(napari.layers.Image(image), 2, "bicubic", tile=64)
    assert caplog.messages == layer.metadata["napari_sr"]["remarks"]


def test_the_layer_records_how_many_pixels_were_replaced_and_why(monkeypatch):
    network = load_model("ecbsr").network(2)
    forward = type(network).forward

    def forward_with_faults(self, x):
        y = forward(self, x)
        y[..., 20:22, 40:42] = 1e6
        y[..., 60:62, 80:84] = float("nan")
        return y

    monkeypatch.setattr(type(network), "forward", forward_with_faults)
    image = np.random.default_rng(0).integers(100, 150, (50, 50)).astype(np.uint8)
    upscaled = upscale_layer(napari.layers.Image(image), 2, "ecbsr", tile=None)
    record = upscaled.metadata["napari_sr"]
    assert record["replaced"] == {"pixels": 3, "why": {"far outside the range": 1, "not finite": 2}}
    assert "3 pixels" in record["remarks"][0]
    healthy = upscale_layer(napari.layers.Image(image), 2, "bicubic")
    assert healthy.metadata["napari_sr"]["replaced"] == {"pixels": 0, "why": {}}
