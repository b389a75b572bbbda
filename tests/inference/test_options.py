"""Options are checked and normalized once, and the keywords of every call are fields of `UpscaleOptions`."""

import dataclasses
import inspect
import typing

import numpy as np
import pytest

from napari_sr.errors import DeviceError, InputError, NapariSRError
from napari_sr.inference import OptionKeywords, UpscaleOptions, plan, upscale, upscale_image


def test_keywords_are_the_fields():
    """Scale and model have a place of their own in the signatures."""
    fields = {field.name for field in dataclasses.fields(UpscaleOptions)}
    keywords = set(typing.get_type_hints(OptionKeywords))
    assert keywords == fields - {"scale", "model"}
    for call in (upscale, upscale_image, plan):
        named = set(inspect.signature(call).parameters)
        assert fields <= keywords | named
        assert inspect.signature(call).parameters["scale"].default == 2
        assert inspect.signature(call).parameters["model"].default == UpscaleOptions().model


def test_every_field_is_documented_in_upscale():
    documented = inspect.getdoc(upscale)
    for field in dataclasses.fields(UpscaleOptions):
        assert f"\n{field.name} : " in documented, field.name


def test_defaults():
    options = UpscaleOptions()
    assert options == UpscaleOptions(scale=2, model="ecbsr")
    assert options.factors == (2.0, 2.0)
    assert (options.ensemble, options.uncertainty, options.isotropic) == (False, False, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"scale": 3}, {"scale": (3.0, 3.0)}),
        ({"scale": [1, 2.5]}, {"scale": (1.0, 2.5)}),
        ({"scale": np.float32(2.5)}, {"scale": (2.5, 2.5)}),
        ({"device": "CUDA:1"}, {"device": "cuda:1"}),
        ({"device": "GPU"}, {"device": "gpu"}),
        ({"precision": "fp16"}, {"precision": "float16"}),
        ({"precision": "half"}, {"precision": "float16"}),
        ({"precision": "bf16"}, {"precision": "bfloat16"}),
        ({"precision": "FP32"}, {"precision": "float32"}),
        ({"precision": "BFloat16"}, {"precision": "bfloat16"}),
        ({"tile": 64}, {"tile": (64, 64)}),
        ({"tile": np.int64(64)}, {"tile": (64, 64)}),
        ({"tile": [64, 32]}, {"tile": (64, 32)}),
        ({"tile": "AUTO"}, {"tile": "auto"}),
        ({"tile": None}, {"tile": None}),
        ({"tile_mode": "Exact"}, {"tile_mode": "exact"}),
        ({"uncertainty": True}, {"ensemble": True}),
        ({"isotropic": np.True_, "z_spacing": 3}, {"isotropic": True, "z_spacing": 3.0}),
        ({"intensity_range": [1, 4]}, {"intensity_range": (1.0, 4.0)}),
    ],
)
def test_values_are_normalized(given, expected):
    options = UpscaleOptions(**given)
    for name, value in expected.items():
        assert getattr(options, name) == value
        assert type(getattr(options, name)) is type(value)
    assert dataclasses.replace(options) == options


def test_torch_precision_is_understood():
    import torch

    assert UpscaleOptions(precision=torch.float16).precision == "float16"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"isotropic": 5.0}, "isotropic is True or False, not 5.0; give .* as z_spacing"),
        ({"isotropic": 1}, "as z_spacing"),
        ({"isotropic": None}, "as z_spacing"),
        ({"z_spacing": 5.0}, "z_spacing is only used with isotropic=True"),
        ({"isotropic": True, "z_spacing": 0}, "distance of two planes"),
        ({"isotropic": True, "z_spacing": True}, "distance of two planes"),
        ({"isotropic": True, "z_spacing": float("inf")}, "distance of two planes"),
        ({"isotropic": True, "uncertainty": True}, "choose one of the two"),
        ({"isotropic": True, "scale": (1, 2)}, "one scale for Y and X"),
        ({"tile": 0}, "tile must be 'auto', None, or input pixels"),
        ({"tile": (1, 2, 3)}, "tile must be"),
        ({"tile": 2.5}, "tile must be"),
        ({"tile_mode": "perfect"}, "tile_mode must be seamless or exact"),
        ({"scale": 0.5}, "scale must be a number of at least 1"),
        ({"scale": True - 1}, "scale must be"),
        ({"intensity_range": (2, 1)}, "two rising numbers"),
        ({"intensity_range": 5}, "two rising numbers"),
    ],
)
def test_values_that_cannot_be_used_are_refused(given, message):
    with pytest.raises(InputError, match=message) as caught:
        UpscaleOptions(**given)
    assert "\n" not in str(caught.value)


def test_unknown_precision_is_refused():
    with pytest.raises(DeviceError, match="precision must be auto, float32, bfloat16, float16"):
        UpscaleOptions(precision="int8")


def test_unknown_option_is_an_error():
    with pytest.raises(TypeError, match="halo"):
        UpscaleOptions(halo=3)


def test_options_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        UpscaleOptions().scale = 3


def test_isotropic_needs_a_distance_of_planes():
    """It was read as a distance of 1 before, and returned the stack unchanged."""
    stack = np.zeros((3, 8, 8), np.uint8)
    with pytest.raises(InputError, match="the distance of planes is unknown; pass z_spacing"):
        upscale(stack, 1, "bicubic", axes="ZYX", isotropic=True)
    with pytest.raises(NapariSRError, match="z_spacing"):
        upscale(stack, 1, "bicubic", axes="ZYX", isotropic=3.0)
    with pytest.raises(NapariSRError, match="isotropic"):
        upscale(stack, 1, "bicubic", axes="ZYX", z_spacing=3.0)
    enlarged = upscale(stack, 1, "bicubic", axes="ZYX", isotropic=True, z_spacing=3.0)
    assert enlarged.shape == (9, 8, 8)
