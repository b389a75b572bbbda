"""Images of other libraries are upscaled, or refused in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch
import xarray
import zarr
from napari.layers import Image as ImageLayer
from PIL import Image

from napari_sr import upscale
from napari_sr.errors import InputError
from napari_sr.imaging import SpatialImage, read_input


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 250, shape).astype(dtype)


def enlarged(image, **options):
    return upscale(image, 2, "bicubic", **options)


@pytest.mark.parametrize("path", ["image.tif", Path("image.tif"), b"image.tif"])
def test_path_is_refused_with_the_functions_for_files(path):
    with pytest.raises(InputError, match=r"image.tif.* is a path.*upscale_file.*read_image"):
        enlarged(path)


def test_layer_is_refused_with_the_function_for_layers():
    with pytest.raises(InputError, match=r"upscale_layer; pass it there, or pass layer\.data"):
        enlarged(ImageLayer(noise(8, 8)))


def test_spatial_image_is_refused_with_the_function_for_it():
    with pytest.raises(InputError, match=r"upscale_image; pass it there, or pass image\.data"):
        enlarged(SpatialImage(noise(8, 8), "YX"))


def test_zarr_group_is_refused_with_the_names_of_its_arrays(tmp_path):
    group = zarr.create_group(tmp_path / "image.zarr")
    with pytest.raises(InputError, match="it has none"):
        enlarged(group)
    for name in ("1", "0"):
        group.create_array(name, data=noise(8, 8))
    with pytest.raises(InputError, match=r"pass one of its arrays \('0', '1'\)"):
        enlarged(group)
    np.testing.assert_array_equal(enlarged(group["0"]), enlarged(noise(8, 8)))


def test_masked_array_is_refused():
    with pytest.raises(InputError, match=r"fill the mask first, e\.g\. image\.filled\(0\)"):
        enlarged(np.ma.masked_equal(noise(8, 8), 0))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_torch_tensor_gives_an_array(dtype):
    tensor = torch.from_numpy(noise(9, 8)).to(dtype).requires_grad_(dtype.is_floating_point)
    result = enlarged(tensor)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, enlarged(tensor.detach().numpy()))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(8, 8, dtype=torch.bfloat16),
        torch.zeros(8, 8, device="meta"),
        torch.eye(8).to_sparse(),
    ],
)
def test_tensor_without_a_numpy_array_is_refused(tensor):
    with pytest.raises(InputError, match=r"pass a dense one of float32, e\.g\. image\.float\(\)"):
        enlarged(tensor)


@pytest.mark.parametrize(
    ("mode", "dtype", "shape"),
    [
        ("L", np.uint8, (9, 8)),
        ("RGB", np.uint8, (9, 8, 3)),
        ("RGBA", np.uint8, (9, 8, 4)),
        ("I;16", np.uint16, (9, 8)),
        ("I", np.int32, (9, 8)),
        ("F", np.float32, (9, 8)),
    ],
)
def test_pillow_image_is_upscaled_as_its_pixels(mode, dtype, shape):
    pixels = noise(*shape, dtype=dtype)
    image = Image.fromarray(pixels)
    assert image.mode == mode
    result = enlarged(image)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, enlarged(pixels))


def test_pillow_image_of_one_bit_is_boolean():
    pixels = noise(9, 8) > 100
    result = enlarged(Image.fromarray(pixels))
    assert result.dtype == bool
    np.testing.assert_array_equal(result, enlarged(pixels))


def test_pillow_gray_image_with_alpha_has_two_samples():
    """As an array of the same shape it would be a stack of rows."""
    pixels = noise(9, 8, 2)
    bands = (Image.fromarray(np.ascontiguousarray(pixels[..., i])) for i in (0, 1))
    result = enlarged(Image.merge("LA", tuple(bands)))
    assert result.shape == (18, 16, 2)
    np.testing.assert_array_equal(result, enlarged(pixels, axes="YXS"))


def test_pillow_palette_is_converted_to_colors():
    """Indices have no order; a scaled index would be another color."""
    colors = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], np.uint8)
    indices = np.arange(72).reshape(9, 8) % 3
    image = Image.fromarray(indices.astype(np.uint8), "L")
    image.putpalette(colors.tobytes())
    assert image.mode == "P"
    np.testing.assert_array_equal(enlarged(image), enlarged(colors[indices]))
    image.info["transparency"] = 0
    assert enlarged(image).shape == (18, 16, 4)
    assert enlarged(image)[0, 0, 3] < 10


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB"])
def test_pillow_modes_that_are_not_rgb_are_refused(mode):
    with pytest.raises(InputError, match=rf"mode '{mode}'.*convert\('RGB'\) first"):
        enlarged(Image.new(mode, (8, 9)))


def coordinates(size, start=10.0, step=0.5):
    return start + step * np.arange(size)


def data_array(pixels=None):
    pixels = noise(3, 9, 8) if pixels is None else pixels
    return xarray.DataArray(
        pixels,
        dims=("time", "y", "x"),
        coords={
            "time": ["a", "b", "c"],
            "y": ("y", coordinates(9), {"units": "um"}),
            "x": coordinates(8, 5.0, -0.25),
            "focus": ("time", [1.0, 2.0, 3.0]),
            "mask": (("y", "x"), np.ones((9, 8))),
            "exposure": 0.5,
        },
        name="cells",
        attrs={"microscope": "old"},
    )


def test_xarray_keeps_dimensions_names_and_attributes():
    image = data_array()
    result = enlarged(image)
    assert isinstance(result, xarray.DataArray)
    assert result.dims == image.dims
    assert result.name == "cells"
    assert result.attrs == image.attrs
    np.testing.assert_array_equal(result.data, enlarged(image.data, axes="TYX"))
    np.testing.assert_array_equal(result.time, image.time)
    np.testing.assert_array_equal(result.focus, image.focus)
    assert result.exposure == 0.5
    assert result.y.attrs == {"units": "um"}
    assert "mask" not in result.coords  # it has the size of the input


def test_xarray_coordinates_follow_the_half_pixel_rule():
    """The mean coordinate of each block of output pixels is that of the input pixel."""
    image = data_array()
    result = enlarged(image)
    for name in ("y", "x"):
        fine, coarse = result[name].to_numpy(), image[name].to_numpy()
        np.testing.assert_allclose(fine.reshape(-1, 2).mean(axis=1), coarse)
        np.testing.assert_allclose(np.diff(fine), np.diff(coarse)[0] / 2)


def test_xarray_with_uneven_coordinates_is_interpolated():
    uneven = np.array([0.0, 1.0, 3.0, 7.0])
    image = xarray.DataArray(noise(4, 4), dims=("y", "x"), coords={"y": uneven})
    fine = enlarged(image).y.to_numpy()
    np.testing.assert_allclose(fine, [-0.25, 0.25, 0.75, 1.5, 2.5, 4.0, 6.0, 8.0])


def test_xarray_with_a_factor_that_is_not_whole():
    image = data_array()
    result = upscale(image, (1, 2.5), "bicubic")
    assert result.shape == (3, 9, 20)
    np.testing.assert_array_equal(result.y, image.y)
    step = -0.25 / 2.5
    first = 5.0 + 0.25 / 2 + step / 2  # from the edge of the first pixel, half a fine pixel inwards
    np.testing.assert_allclose(result.x, first + step * np.arange(20))


def test_lazy_xarray_stays_lazy():
    def fail(block):
        raise AssertionError("a block was computed")

    pixels = noise(3, 9, 8)
    unread = da.zeros((3, 9, 8), np.uint8, chunks=(1, 9, 8)).map_blocks(fail, dtype=np.uint8)
    assert isinstance(enlarged(data_array(unread)).data, da.Array)
    result = enlarged(data_array(da.from_array(pixels, chunks=(1, 9, 8))))
    expected = enlarged(data_array(pixels))
    difference = result.astype(int) - expected.astype(int)
    assert np.abs(difference).max() <= 1
    np.testing.assert_allclose(result.y, expected.y)


def test_xarray_of_colors_and_given_axes():
    image = xarray.DataArray(noise(9, 8, 3), dims=("y", "x", "rgb"))
    result = enlarged(image)
    assert result.dims == ("y", "x", "rgb")
    np.testing.assert_array_equal(result.data, enlarged(image.data, axes="YXS"))
    named = xarray.DataArray(noise(5, 9, 8), dims=("a", "b", "c"))
    assert read_input(named, "CYX").axes == "CYX"
    assert enlarged(named, axes="YXZ").shape == (10, 18, 8)
    assert enlarged(named).shape == (5, 18, 16)


def test_xarray_of_an_isotropic_stack_gets_its_z_coordinate():
    image = xarray.DataArray(noise(4, 9, 8), dims=("z", "y", "x"), coords={"z": coordinates(4)})
    result = upscale(image, 1, "bicubic", isotropic=True, z_spacing=3.0)
    assert result.shape == (12, 9, 8)
    np.testing.assert_allclose(result.z.to_numpy().reshape(-1, 3).mean(axis=1), image.z)


def test_xarray_with_uncertainty_is_a_pair():
    mean, deviation = upscale(data_array(), 2, "bicubic", uncertainty=True)
    assert mean.dims == deviation.dims
    assert deviation.dtype == np.float32
    np.testing.assert_allclose(deviation.y, mean.y)


def test_lists_and_array_likes_are_arrays():
    pixels = noise(6, 7)

    class ArrayLike:
        def __array__(self, dtype=None, copy=None):
            return pixels

    for image in (pixels.tolist(), ArrayLike()):
        taken = read_input(image)
        np.testing.assert_array_equal(taken.array, pixels)
        assert not taken.lazy
