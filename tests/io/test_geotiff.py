"""An enlarged GeoTIFF covers the same ground."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sr.io import read_image, write_image

from .conftest import random_image

SCALE = (33550, "d", 3, (10.0, 20.0, 0.0), True)
TIE = (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 4600000.0, 0.0), True)
MATRIX = (34264, "d", 16, (10.0, 1, 0, 5e5, 2, -20.0, 0, 4.6e6, 0, 0, 0, 0, 0, 0, 0, 1), True)


def keys(raster_type):
    """Directory of keys: a projected system in meters, and whether pixels are areas (1) or points (2)."""
    values = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, raster_type, 3072, 0, 1, 32633)
    return (34735, "H", len(values), values, True)


def ground(path, pixel):
    """Where a point in pixels, counted from the corner of the image, lies on the ground."""
    with tifffile.TiffFile(path) as tif:
        found = tif.geotiff_metadata
    center = 0.5 if int(found["GTRasterTypeGeoKey"]) == 2 else 0.0
    x, y = np.asarray(pixel, float) - center
    if "ModelTransformation" in found:
        matrix = np.asarray(found["ModelTransformation"]).reshape(4, 4)
        return matrix[:2] @ [x, y, 0, 1]
    sx, sy, _ = found["ModelPixelScale"]
    i, j, _, east, north, _ = found["ModelTiepoint"]
    return np.array([east + (x - i) * sx, north - (y - j) * sy])


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
@pytest.mark.parametrize("raster_type", [1, 2])
@pytest.mark.parametrize("tags", [(SCALE, TIE), (MATRIX,)], ids=["tie point", "matrix"])
@pytest.mark.parametrize("factors", [(2, 2), (3, 1)])
def test_the_ground_of_a_point_stays_the_same(tmp_path, suffix, raster_type, tags, factors):
    data = random_image((20, 30), np.uint16)
    path = tmp_path / "map.tif"
    extra = [*tags, keys(raster_type), (42113, "s", 0, "-9999", True)]
    tifffile.imwrite(path, data, photometric="minisblack", metadata=None, extratags=extra)
    y, x = factors
    large = read_image(path).finer(data.repeat(y, 0).repeat(x, 1), {"Y": y, "X": x})
    target = write_image(tmp_path / f"large{suffix}", large)
    for point in [(0, 0), (15, 10), (30, 20)]:
        there = ground(target, (point[0] * x, point[1] * y))
        np.testing.assert_allclose(there, ground(path, point))
    with tifffile.TiffFile(target) as tif:
        assert tif.pages.first.tags[42113].value == "-9999"
        assert int(tif.geotiff_metadata["ProjectedCSTypeGeoKey"]) == 32633


def test_other_tiffs_get_no_such_tags(tmp_path):
    path = write_image(tmp_path / "a.tif", random_image((20, 30), np.uint16))
    assert "geotiff" not in read_image(path).metadata
    with tifffile.TiffFile(path) as tif:
        assert not tif.pages.first.is_geotiff
