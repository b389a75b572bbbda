"""Isotropic stacks lie where their source lies; the uncertainty becomes a second layer."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

from napari_sr.errors import InputError
from napari_sr.layers import plane_distance, snapshot, upscale_layer


def stack(shape=(6, 20, 24), scale=(3.5, 1, 1), **options):
    values = np.random.default_rng(0).integers(100, 1000, shape).astype(np.uint16)
    return Image(values, scale=scale, name="cells", **options)


@pytest.mark.parametrize("lateral", [1, 2])
def test_voxels_become_cubes_at_the_same_place(lateral):
    layer = stack(
        scale=(3.5, 0.5, 0.5),
        translate=(10, 20, 30),
        rotate=np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]),
    )
    result = upscale_layer(layer, lateral, "bicubic", isotropic=True)
    assert result.data.shape == (42 * lateral, 20 * lateral, 24 * lateral)
    np.testing.assert_allclose(result.scale, 0.5 / lateral)
    assert result.name == (
        "cells isotropic bicubic" if lateral == 1 else "cells ×2 isotropic bicubic"
    )
    factors = np.array([7, 1, 1]) * lateral
    for voxel in ((0, 0, 0), (3, 7, 11)):
        block = np.stack(
            np.meshgrid(
                *(np.arange(i * f, (i + 1) * f) for i, f in zip(voxel, factors, strict=True)),
                indexing="ij",
            ),
            axis=-1,
        ).reshape(-1, 3)
        mean = np.mean([result.data_to_world(each) for each in block], axis=0)
        np.testing.assert_allclose(mean, layer.data_to_world(voxel), atol=1e-9)
    assert result.metadata["napari_sr"]["z_scale"] == 7 * lateral


def test_lazy_stacks_with_channels_can_be_made_isotropic():
    values = da.random.default_rng(0).random((2, 5, 12, 12), chunks=6)
    layer = Image(values, scale=(1, 2, 1, 1), axis_labels=("channel", "z", "y", "x"))
    result = upscale_layer(layer, 1, "bicubic", isotropic=True)
    assert isinstance(result.data, np.ndarray)
    assert result.data.shape == (2, 10, 12, 12)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (stack(), 3.5),
        (stack(scale=(0.9, 0.3, 0.3)), 3.0),
        (stack(scale=(1, 1, 1)), None),
        (stack(scale=(0.5, 1, 1)), None),
        (stack(scale=(3, 1, 2)), None),
        (stack(axis_labels=("time", "y", "x")), None),
        (stack(axis_labels=("z", "y", "x")), 3.5),
        (stack(units=("s", "um", "um")), None),
        (stack(scale=(300, 0.2, 0.2), units=("nm", "um", "um")), 1.5),
        (stack(scale=(300, 0.2, 0.2), units=("nm", "um", "um"), axis_labels=("z", "y", "x")), 1.5),
        (stack(units=("um", "um", "um")), 3.5),
        (stack((20, 24), (2, 1)), None),
        (stack((2, 6, 20, 24), (1, 2, 1, 1)), None),
        (stack((2, 6, 20, 24), (1, 2, 1, 1), axis_labels=("t", "z", "y", "x")), 2.0),
    ],
)
def test_the_distance_of_planes_follows_from_sizes_units_and_labels(layer, expected):
    assert plane_distance(snapshot(layer)) == (expected and pytest.approx(expected))


def test_isotropic_without_known_sizes_is_refused():
    with pytest.raises(InputError, match=r"set layer\.scale"):
        upscale_layer(stack(scale=(1, 1, 1)), 2, "bicubic", isotropic=True)


def test_the_distance_of_planes_can_be_given():
    result = upscale_layer(stack(scale=(1, 1, 1)), 1, "bicubic", isotropic=True, z_spacing=2)
    assert result.data.shape == (12, 20, 24)
    np.testing.assert_allclose(result.scale, (0.5, 1, 1))


def test_not_isotropic_enlarges_y_and_x_only():
    assert upscale_layer(stack(), 2, "bicubic", isotropic=False).data.shape == (6, 40, 48)


def test_units_are_converted():
    """Planes of 300 nm and pixels of 0.2 µm: Z is enlarged 1.5 times, to 200 nm."""
    units = ("nm", "um", "um")
    layer = stack(scale=(300, 0.2, 0.2), units=units, axis_labels=("z", "y", "x"))
    result = upscale_layer(layer, 1, "bicubic", isotropic=True)
    assert result.data.shape == (9, 20, 24)
    np.testing.assert_allclose(result.scale, (200, 0.2, 0.2))
    assert result.units == layer.units
    assert result.metadata["napari_sr"]["z_scale"] == pytest.approx(1.5)


@pytest.mark.parametrize("rgb", [False, True])
def test_the_uncertainty_is_a_layer_at_the_same_place(rgb):
    shape = (14, 18, 3) if rgb else (14, 18)
    values = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    layer = Image(values, rgb=rgb, name="a", scale=(2, 3), translate=(5, 6), rotate=30, units="um")
    result, companion = upscale_layer(layer, 2, "ecbsr", uncertainty=True)
    assert companion.name == f"{result.name} uncertainty"
    assert companion.data.shape == (28, 36)
    assert companion.data.dtype == np.float32
    assert not companion.visible
    assert companion.units == result.units
    for point in ((0, 0), (7, 31)):
        np.testing.assert_allclose(companion.data_to_world(point), result.data_to_world(point))
    assert companion.contrast_limits == pytest.approx([0, companion.data.max()])
    assert companion.data.max() > 0
