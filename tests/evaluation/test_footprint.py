"""A footprint agrees with calculations by hand."""

from __future__ import annotations

import pytest
import torch

from napari_sr.architectures.esr import ESRMax
from napari_sr.errors import InputError
from napari_sr.evaluation import footprint
from napari_sr.models import load_model, save_network
from napari_sr.models.export import export_model


@pytest.fixture
def one_convolution(tmp_path):
    """A 3 x 3 convolution to four channels, which are rearranged as an image of twice the size."""
    config = {"scale": 2, "K": 3, "C": 1}
    torch.manual_seed(0)
    return save_network(tmp_path / "n.safetensors", ESRMax(**config), "esr-max", config)


def test_footprint_of_one_convolution(one_convolution):
    """Input and output of the convolution exist at one time; so do the output and its rearrangement."""
    found = footprint(one_convolution, 2, side=64)
    assert found.shape == (64, 64)
    assert (found.parameters, found.macs, found.activations) == (36, 36 * 64**2, 4 * 64**2)
    assert found.memory is not None
    assert 4 * (36 + (1 + 4) * 64**2) <= found.memory <= 4 * (36 + (1 + 4 + 4 + 4) * 64**2)
    assert found.seconds > 0
    assert found.device == "cpu"


def test_memory_and_time_grow_with_the_image(one_convolution):
    small, large = (footprint(one_convolution, 2, side=side) for side in (64, 512))
    assert large.memory / small.memory == pytest.approx(64, rel=0.01)
    assert large.seconds > small.seconds


def test_compiled_program_is_timed_but_not_counted(one_convolution, tmp_path):
    program = export_model(load_model(one_convolution), tmp_path / "n.pt").path
    found = footprint(load_model(program, trust_program=True), 2, side=32)
    assert (found.parameters, found.macs, found.activations, found.memory) == (None,) * 4
    assert found.seconds > 0


@pytest.mark.parametrize("wrong", [{"side": 0}, {"repeats": 0}])
def test_empty_measurement_is_refused(one_convolution, wrong):
    with pytest.raises(InputError, match="at least 1"):
        footprint(one_convolution, 2, **wrong)
