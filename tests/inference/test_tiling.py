"""The result does not depend on tiles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.inference import upscale
from napari_sr.models import load_model

from .conftest import Plain, make_model


def equivariant():
    """A small equivariant MSPN that adds little to its skip, so no output is replaced."""
    torch.manual_seed(0)
    network = registry.get("mspn-equivariant").build(scale=2, channels=8, blocks=1)
    network.upsampler[0].weight.data *= 0.1
    return make_model({2: network}, color="RGB")


MODELS = {
    "plain": make_model({2: Plain(2), 3: Plain(3, kernels=(5, 3))}),
    "dilated": make_model({2: Plain(2, kernels=(3, 3, 3), dilation=2)}),
    "rgb": make_model({4: Plain(4, channels=3)}, color="RGB"),
    "luma": make_model({2: Plain(2, kernels=(7,))}, color="Y", value_range=255.0),
    "bicubic": load_model("bicubic"),
    "equivariant": equivariant(),
}


def random_image(height, width, samples, seed=0):
    image = np.random.default_rng(seed).random((height, width, 3))
    return image if samples == 3 else image[..., 0]


@settings(max_examples=25, deadline=None)
@given(
    model=st.sampled_from(sorted(MODELS)),
    height=st.integers(1, 45),
    width=st.integers(1, 45),
    tile=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    samples=st.sampled_from([1, 3]),
)
def test_tiling_changes_nothing(model, height, width, tile, samples):
    """A network with bounded support gives the same image however it is cut."""
    image, chosen = random_image(height, width, samples), MODELS[model]
    scale = chosen.scales[-1]
    axes = "YXS" if samples == 3 else "YX"
    whole = upscale(image, scale, chosen, axes, tile=None)
    tiled = upscale(image, scale, chosen, axes, tile=tile)
    np.testing.assert_allclose(tiled, whole, atol=5e-6)


@settings(max_examples=20, deadline=None)
@given(
    model=st.sampled_from(sorted(MODELS)),
    scale=st.tuples(st.floats(1, 7), st.floats(1, 7)),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    tile=st.integers(3, 20),
)
def test_tiling_changes_nothing_at_any_scale(model, scale, size, tile):
    """This holds between native scales and beyond them, too."""
    image, chosen = random_image(*size, samples=1), MODELS[model]
    whole = upscale(image, scale, chosen, tile=None)
    assert whole.shape == tuple(max(1, round(n * f)) for n, f in zip(size, scale, strict=True))
    np.testing.assert_allclose(upscale(image, scale, chosen, tile=tile), whole, atol=2e-5)


@pytest.mark.parametrize(
    "name", ["ecbsr", "esr-tm", "esr-tr", "esr-max", "esr-cnn", "espcn", "fsrcnn"]
)
def test_published_networks_give_the_same_image_in_tiles(name):
    torch.manual_seed(0)
    chosen = make_model({2: registry.get(name).build(scale=2)}, color="Y")
    image = random_image(61, 47, samples=1)
    whole = upscale(image, 2, chosen, tile=None)
    np.testing.assert_allclose(upscale(image, 2, chosen, tile=(13, 20)), whole, atol=5e-6)


def test_ensemble_is_the_same_in_tiles_and_rotates_with_the_image(grey):
    image = random_image(31, 26, samples=1)
    whole = upscale(image, 2, grey, tile=None, ensemble=True)
    np.testing.assert_allclose(upscale(image, 2, grey, tile=9, ensemble=True), whole, atol=5e-6)
    rotated = upscale(np.rot90(image), 2, grey, ensemble=True)
    np.testing.assert_allclose(rotated, np.rot90(whole), atol=5e-6)


def test_ensemble_is_the_mean_over_eight_symmetries(grey):
    image = random_image(17, 22, samples=1)
    outputs = []
    for number in range(4):
        for mirror in (False, True):
            rotated = np.rot90(image.T if mirror else image, number)
            back = np.rot90(upscale(rotated, 2, grey), -number)
            outputs.append(back.T if mirror else back)
    mean = np.mean(outputs, axis=0)
    np.testing.assert_allclose(upscale(image, 2, grey, ensemble=True), mean, atol=5e-6)


def test_batches_change_nothing(grey):
    stack = np.random.default_rng(0).random((5, 20, 21))
    frames = [upscale(frame, 2, grey, intensity_range=(0, 1)) for frame in stack]
    whole = upscale(stack, 2, grey, intensity_range=(0, 1))
    np.testing.assert_allclose(whole, frames, atol=5e-6)
