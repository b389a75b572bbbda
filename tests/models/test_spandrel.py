"""Networks that spandrel knows are loaded through it, and its statements about them are respected.

A small double stands in for spandrel; the last tests use the real package where it is installed (it needs a
torchvision that matches torch).
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass, field
from enum import Enum
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_sr import plan, upscale
from napari_sr.errors import DeviceError, InputError, ModelLoadError, UnknownArchitectureError
from napari_sr.models import import_model, list_models, load_model


class Their(nn.Module):
    """A network of an architecture that we do not have: it takes sides that are multiples of 4 only."""

    window_size = 8

    def __init__(self, channels=3):
        super().__init__()
        self.their_layer = nn.Conv2d(channels, channels, 1)
        with torch.no_grad():
            self.their_layer.weight[:] = torch.eye(channels)[..., None, None]
            self.their_layer.bias[:] = 0

    def forward(self, x):
        assert x.shape[-1] % 4 == x.shape[-2] % 4 == 0
        return functional.interpolate(self.their_layer(x), scale_factor=3)


class ModelTiling(Enum):
    SUPPORTED = 1
    DISCOURAGED = 2
    INTERNAL = 3


class UnsupportedModelError(Exception):
    pass


@dataclass
class Named:
    id: str = "Their"
    name: str = "Their network"


@dataclass
class Sizes:
    multiple_of: int = 4


@dataclass
class Descriptor:
    """As much of spandrel.ImageModelDescriptor as is used."""

    model: nn.Module
    scale: int = 3
    input_channels: int = 3
    output_channels: int = 3
    purpose: str = "SR"
    supports_half: bool = False
    supports_bfloat16: bool = True
    tiling: ModelTiling = ModelTiling.SUPPORTED
    architecture: Named = field(default_factory=Named)
    size_requirements: Sizes = field(default_factory=Sizes)

    def __call__(self, x):
        assert len(x) == 1
        return self.model(x).clamp(0, 1)

    def eval(self):
        self.model.eval()


class Registry:
    def __init__(self, facts):
        self.facts = facts

    def load(self, state: dict[str, Any]) -> Descriptor:
        if "their_layer.weight" not in state:
            raise UnsupportedModelError
        network = Their(len(state["their_layer.weight"]))
        network.load_state_dict(state)
        return Descriptor(network, **self.facts)


@pytest.fixture
def double(monkeypatch):
    """Puts a module in spandrel's place that knows one network, with facts to choose."""

    def put(**facts):
        module = ModuleType("spandrel")
        module.__spec__ = ModuleSpec("spandrel", None)
        module.MAIN_REGISTRY = Registry(facts)  # type: ignore[attr-defined]
        module.UnsupportedModelError = UnsupportedModelError  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "spandrel", module)

    return put


@pytest.fixture
def file(tmp_path):
    torch.save({"params": Their().state_dict()}, tmp_path / "their.pth")
    return tmp_path / "their.pth"


IMAGE = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
NEAREST = IMAGE.repeat(3, 0).repeat(3, 1)


def test_a_network_of_spandrel_upscales_images(double, file):
    double()
    model = load_model(file)
    assert (model.scales, model.card.color, model.card.value_range) == ((3,), "RGB", 1.0)
    assert model.card.architecture == "spandrel-their"
    assert "Their network, through spandrel" in model.card.summary
    np.testing.assert_array_equal(upscale(IMAGE, 3, model), NEAREST)
    np.testing.assert_array_equal(upscale(IMAGE, 3, model, tile=32), NEAREST)
    x = torch.rand(2, 3, 7, 9)
    assert torch.equal(copy.deepcopy(model.network(3))(x), model.network(3)(x))


def test_a_network_of_spandrel_can_be_imported(double, file):
    double()
    assert import_model(file, "their-x3").value_range == 1.0
    assert list_models()[-1].architecture == "spandrel-their"
    np.testing.assert_array_equal(upscale(IMAGE, 3, "their-x3"), NEAREST)


def test_tiles_keep_to_the_grid_of_attention_windows(double, file):
    double()
    assert plan(IMAGE, 3, load_model(file), tile=32).alignment == 8


def test_discouraged_tiling_warns(double, file, caplog):
    double(tiling=ModelTiling.DISCOURAGED)
    model = load_model(file)
    large = np.tile(IMAGE, (3, 4, 1))
    assert plan(large, 3, model).n_tiles == 1
    upscale(large, 3, model)
    assert "seams" not in caplog.text
    assert "with seams" in str(plan(large, 3, model, tile=64))
    upscale(large, 3, model, tile=64)
    assert caplog.text.count("seams may show between tiles; tile=None") == 1


def test_impossible_tiling_is_not_done(double, file):
    double(tiling=ModelTiling.INTERNAL)
    model = load_model(file)
    assert plan((4000, 4000, 3), 3, model, dtype=np.uint8, measure=False).n_tiles == 1
    with pytest.raises(InputError, match="cannot be cut into tiles"):
        plan(IMAGE, 3, model, tile=32)
    np.testing.assert_array_equal(upscale(IMAGE, 3, model, tile=None), NEAREST)


def test_precisions_are_limited_to_the_supported_ones(double, file):
    double()
    model = load_model(file)
    assert plan(IMAGE, 3, model, precision="bfloat16").precision == "bfloat16"
    with pytest.raises(DeviceError, match="cannot run in float16; choose bfloat16 or float32"):
        plan(IMAGE, 3, model, precision="float16")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"purpose": "Inpainting"}, "does not take an image alone"),
        ({"scale": 1}, "does not enlarge"),
        ({"output_channels": 4}, "maps 3 channels to 4"),
    ],
)
def test_networks_that_do_not_enlarge_are_refused(double, file, facts, message):
    double(**facts)
    with pytest.raises(ModelLoadError, match=message) as caught:
        load_model(file)
    assert str(caught.value).startswith("their.pth: is Their network")


def test_a_network_that_spandrel_cannot_build_is_refused(double, tmp_path):
    double()
    torch.save({"their_layer.weight": torch.zeros(3, 3, 1, 1)}, tmp_path / "half.pth")
    with pytest.raises(ModelLoadError, match=r"half\.pth: spandrel recognizes it, but") as caught:
        load_model(tmp_path / "half.pth")
    assert "\n" not in str(caught.value)


def test_networks_unknown_to_spandrel_keep_the_original_error(double, tmp_path):
    double()
    torch.save({"nobodys.weight": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(UnknownArchitectureError, match=r"nobodys\.weight"):
        load_model(tmp_path / "a.pth")


def test_missing_spandrel_is_reported(file, monkeypatch):
    monkeypatch.setattr("napari_sr.models._spandrel.find_spec", lambda _: None)
    with pytest.raises(UnknownArchitectureError, match=r"pip install 'napari-sr\[spandrel\]'"):
        load_model(file)


def test_a_torchvision_that_does_not_fit_torch_is_reported(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)  # importing it fails
    monkeypatch.setattr("napari_sr.models._spandrel.find_spec", lambda _: True)
    with pytest.raises(ModelLoadError, match="torchvision must be of matching releases"):
        load_model(file)


def _esrgan():
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(in_nc=3, out_nc=3, num_filters=16, num_blocks=2, scale=4, plus=False)


def _swinir():
    from spandrel.architectures.SwinIR import SwinIR

    return SwinIR(
        img_size=64,
        window_size=8,
        depths=[2, 2],
        embed_dim=12,
        num_heads=[2, 2],
        mlp_ratio=2,
        upscale=2,
        upsampler="pixelshuffledirect",
        resi_connection="1conv",
    )


def _rcan():
    from spandrel.architectures.RCAN import RCAN

    return RCAN(scale=3, n_resgroups=2, n_resblocks=2, n_feats=16)


real = pytest.mark.skipif(
    find_spec("spandrel") is None, reason="spandrel is not installed; see docs/models.md"
)


@real
@pytest.mark.parametrize(
    ("build", "scale"), [(_esrgan, 4), (_swinir, 2), (_rcan, 3)], ids=["esrgan", "swinir", "rcan"]
)
class TestTheRealOne:
    """Random weights: what is loaded must do what spandrel's own class does."""

    def test_the_same_output(self, build, scale, tmp_path):
        torch.manual_seed(0)
        network = build().eval()
        torch.save({"params_ema": network.state_dict()}, tmp_path / "a.pth")
        model = load_model(tmp_path / "a.pth")
        assert (model.scales, model.card.value_range) == ((scale,), 1.0)
        x = torch.rand(2, 3, 40, 32)
        with torch.inference_mode():
            expected = network(x.clone()).clamp(0, 1)
        before = x.clone()
        torch.testing.assert_close(model.network(scale)(x), expected, atol=1e-5, rtol=0)
        assert torch.equal(x, before)

    def test_the_engine_runs_it_whole_and_in_tiles(self, build, scale, tmp_path, caplog):
        torch.save(build().state_dict(), tmp_path / "a.safetensors.pth")
        model = load_model(tmp_path / "a.safetensors.pth")
        image = np.tile(IMAGE, (3, 3, 1))[:261, :203]
        whole = upscale(image, scale, model, tile=None)
        assert whole.shape == (261 * scale, 203 * scale, 3)
        assert "seams" not in caplog.text
        cut = upscale(image, scale, model, tile=128)
        assert np.abs(whole.astype(int) - cut).max() <= 1
        assert ("seams" in caplog.text) == (model.tiling(scale) == "discouraged")
