"""`upscale_file`: a file in, a larger one out, at the same place in the world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_sr
from napari_sr import upscale
from napari_sr.batch._file import uncertainty_path
from napari_sr.errors import CancelledError, InputError
from napari_sr.io import SpatialImage, read_image, write_image

FORMATS = [".tif", ".ome.tif", ".ome.zarr"]


def stack(folder: Path, suffix: str = ".ome.tif", **changes: object) -> Path:
    """A stack of planes 1.5 µm apart, with pixels of 0.5 µm."""
    values = np.random.default_rng(0).integers(0, 4000, (3, 14, 16)).astype(np.uint16)
    place = {
        "scale": (1.5, 0.5, 0.5),
        "translation": (7.0, 10.0, 20.0),
        "units": ("micrometer",) * 3,
    }
    return write_image(folder / f"stack{suffix}", SpatialImage(values, "ZYX", **place | changes))


@pytest.mark.parametrize("suffix", FORMATS)
def test_pixel_size_unit_and_position_are_kept(tmp_path, suffix):
    """Each block of output pixels lies around its input pixel."""
    source = stack(tmp_path, suffix)
    before = read_image(source)
    assert before.units == ("micrometer",) * 3
    report = napari_sr.upscale_file(source, tmp_path / f"large{suffix}", 2, "bicubic")
    image = read_image(tmp_path / f"large{suffix}")
    expected = upscale(np.asarray(before.data), 2, "bicubic", "ZYX")
    np.testing.assert_array_equal(np.asarray(image.data), expected)
    assert image.units == before.units
    assert image.scale == pytest.approx((1.5, 0.25, 0.25))
    for axis in "YX":
        center = image.position_along(axis) + image.size_along(axis) / 2
        assert center == pytest.approx(before.position_along(axis), abs=1e-6)
    assert image.metadata["napari_sr"] == report.record(source.name)


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_planes_in_nanometers_beside_pixels_in_micrometers_become_isotropic(tmp_path, suffix):
    """300 nm are 1.5 pixels of 0.2 µm."""
    units = ("nanometer", "micrometer", "micrometer")
    source = stack(tmp_path, suffix, scale=(300.0, 0.2, 0.2), units=units)
    target = tmp_path / f"cubes{suffix}"
    report = napari_sr.upscale_file(source, target, 1, "bicubic", isotropic=True)
    assert report.plan.z_scale == pytest.approx(1.5)
    image = read_image(target)
    assert image.shape == (4, 14, 16)
    assert image.scale == pytest.approx((200, 0.2, 0.2))
    assert image.units == units


def test_an_existing_target_is_replaced_only_if_asked(tmp_path):
    source, target = stack(tmp_path), tmp_path / "large.tif"
    target.write_bytes(b"mine")
    with pytest.raises(InputError, match="overwrite=True"):
        napari_sr.upscale_file(source, target, 2, "bicubic")
    assert target.read_bytes() == b"mine"
    napari_sr.upscale_file(source, target, 2, "bicubic", overwrite=True)
    assert read_image(target).shape == (3, 28, 32)


def test_a_canceled_run_leaves_nothing(tmp_path):
    source = stack(tmp_path)

    def stop(done: int, total: int) -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        napari_sr.upscale_file(source, tmp_path / "new" / "a.tif", 2, "bicubic", progress=stop)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]


def test_progress_counts_tiles_to_the_end(tmp_path):
    seen = []
    napari_sr.upscale_file(
        stack(tmp_path),
        tmp_path / "a.tif",
        2,
        "bicubic",
        tile=8,
        progress=lambda *at: seen.append(at),
    )
    assert seen[0] == (0, 12)
    assert seen[-1] == (12, 12)


def test_axes_can_be_given(tmp_path):
    napari_sr.upscale_file(stack(tmp_path), tmp_path / "a.ome.tif", 2, "bicubic", axes="CYX")
    image = read_image(tmp_path / "a.ome.tif")
    assert image.axes == "CYX"
    assert image.metadata["napari_sr"]["axes"] == "CYX"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a-uncertainty.tif"),
        ("a.b.tif", "a.b-uncertainty.tif"),
        ("a.ome.tiff", "a-uncertainty.ome.tiff"),
        ("a.ome.zarr", "a-uncertainty.ome.zarr"),
    ],
)
def test_the_uncertainty_is_named_after_the_result(name, expected):
    assert uncertainty_path(Path("out") / name) == Path("out") / expected
