"""Colors and orientation of TIFFs are those that Pillow and the specification give, lazily as well."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from napari_sr.errors import FileReadError
from napari_sr.io import read_image

from .conftest import random_image

LAZY = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def smooth(shape=(40, 60, 3)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([3 * y + x, 4 * x, 255 - 3 * y - x], axis=-1).astype(np.uint8)


def pixels(path, lazy):
    return np.asarray(read_image(path, lazy=lazy).data)


@LAZY
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_luma_and_chroma_become_rgb_as_in_pillow(tmp_path, compression, lazy):
    path = tmp_path / "y.tif"
    Image.fromarray(smooth()).convert("YCbCr").save(path, compression=compression)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(pixels(path, lazy) - expected).max() <= (2 if compression != "jpeg" else 8)


@LAZY
def test_luma_and_chroma_of_studio_range_use_the_file_s_own_limits(tmp_path, lazy):
    """Black at 16, white at 235 (TIFF 6.0, section 20: ReferenceBlackWhite), as video has them."""
    gray = np.zeros((8, 8, 3), np.uint8)
    gray[:4], gray[4:] = (16, 128, 128), (235, 128, 128)
    limits = (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)
    path = tmp_path / "video.tif"
    tifffile.imwrite(
        path, gray, photometric="ycbcr", compression="zlib", metadata=None,
        extratags=[(532, "2I", 6, limits, True)],
    )  # fmt: skip
    read = pixels(path, lazy)
    assert (read[0, 0].tolist(), read[-1, 0].tolist()) == ([0, 0, 0], [255, 255, 255])


@LAZY
def test_aperio_s_jpeg_2000_of_luma_and_chroma_becomes_rgb(tmp_path, lazy):
    """Its pages say RGB, and their compression (33003) that it is not."""
    rgb = smooth((64, 64, 3))
    ycbcr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    coded = imagecodecs.jpeg2k_encode(ycbcr, level=0, reversible=True, codecformat="j2k", mct=False)
    path = tmp_path / "slide.tif"
    tifffile.imwrite(
        path, iter([bytes(coded)]), shape=rgb.shape, dtype="uint8", photometric="rgb",
        tile=(64, 64), compression=33003, metadata=None,
    )  # fmt: skip
    assert np.abs(pixels(path, lazy).astype(int) - rgb).max() <= 3


def test_chroma_of_reduced_resolution_is_refused_in_words(tmp_path):
    path = tmp_path / "y.tif"
    Image.fromarray(smooth()).convert("YCbCr").save(path, compression="raw")
    coded = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages.first.tags.get("YCbCrSubSampling")
    if tag is None:
        pytest.skip("this Pillow leaves the tag out")
    coded[tag.valueoffset : tag.valueoffset + 4] = b"\2\0\2\0"
    path.write_bytes(coded)
    with pytest.raises(FileReadError, match=r"y\.tif: YCbCr .* save as RGB"):
        read_image(path)


@LAZY
@given(
    alpha=st.integers(0, 255),
    color=st.tuples(*[st.integers(0, 255)] * 3),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
@settings(max_examples=25, deadline=None)
def test_premultiplied_alpha_is_undone(folder, alpha, color, dtype, lazy):
    whole = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    straight = np.array([*color, alpha]) / 255
    stored = straight.copy()
    stored[:3] *= straight[3]
    stored = stored * whole if dtype == "float32" else np.rint(stored * whole)
    data = np.broadcast_to(stored, (8, 9, 4)).astype(dtype)
    path = folder / "pre.tif"
    tifffile.imwrite(path, data, photometric="rgb", extrasamples=["assocalpha"])
    read = pixels(path, lazy)[0, 0] / whole
    error = 0.5 / max(alpha, 1) * 255 / (255 if dtype == "uint8" else 65535) + 1e-4
    assert read[3] == pytest.approx(straight[3], abs=1e-4)
    if alpha:
        np.testing.assert_allclose(read[:3], straight[:3], atol=2 * error)
    tifffile.imwrite(path, data, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(pixels(path, lazy), data)


@LAZY
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    "kind", ["gray", "white", "fax", "palette", "rgb", "planar", "pages", "tiles"]
)
def test_every_kind_of_page_is_turned_upright(tmp_path, kind, turn, lazy):
    color, gray = smooth(), smooth()[..., 0]
    path = tmp_path / "turned.tif"
    options = {"extratags": [(274, "H", 1, turn, True)], "metadata": None}
    expected = gray
    if kind == "white":
        tifffile.imwrite(path, 255 - gray, photometric="miniswhite", **options)
    elif kind == "fax":
        tifffile.imwrite(path, gray <= 99, photometric="miniswhite", **options)
        expected = gray > 99
    elif kind == "palette":
        indexed = Image.fromarray(color).quantize(16)
        indexed.save(path, tiffinfo={274: turn})
        expected = np.asarray(indexed.convert("RGB"))
    elif kind in ("rgb", "planar"):
        stored = color if kind == "rgb" else np.moveaxis(color, -1, 0)
        layout = "contig" if kind == "rgb" else "separate"
        tifffile.imwrite(path, stored, photometric="rgb", planarconfig=layout, **options)
        expected = color
    elif kind == "pages":
        with tifffile.TiffWriter(path) as tif:
            for page in (gray, gray // 2):
                tif.write(page, photometric="minisblack", **options)
        expected = np.stack([gray, gray // 2])
    else:
        tile = {"tile": (16, 16)} if kind == "tiles" else {}
        tifffile.imwrite(path, gray, photometric="minisblack", **tile, **options)
    read = pixels(path, lazy)
    planes = expected if kind == "pages" else expected[None]
    exif = Image.Exif()
    exif[274] = turn
    for plane, shown in zip(planes, read if kind == "pages" else read[None], strict=True):
        picture = Image.fromarray(plane)
        picture.info["exif"] = exif.tobytes()
        np.testing.assert_array_equal(shown, np.asarray(ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize("turn", range(1, 9))
def test_pixel_sizes_are_turned_with_the_picture(tmp_path, turn):
    path = tmp_path / "turned.tif"
    tifffile.imwrite(
        path, smooth()[..., 0], photometric="minisblack", metadata=None, resolutionunit="CENTIMETER",
        resolution=(2e4, 4e4), extratags=[(274, "H", 1, turn, True)],
    )  # fmt: skip
    read = read_image(path)
    assert read.scale == ((0.5, 0.25) if turn >= 5 else (0.25, 0.5))
    assert read.shape == ((60, 40) if turn >= 5 else (40, 60))


@LAZY
@pytest.mark.parametrize("colors", [16, 64, 256])
def test_imagej_s_8_bit_color_becomes_rgb(tmp_path, colors, lazy):
    """ImageJ reduces RGB to a palette of any colors, whose indices are no intensities."""
    indexed = Image.fromarray(smooth()).quantize(colors)
    lut = np.zeros((256, 3), np.uint8)
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)[:256]
    lut[: len(palette)] = palette
    path = tmp_path / "color.tif"
    tifffile.imwrite(path, np.asarray(indexed), imagej=True, colormap=lut.T.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pixels(path, lazy), np.asarray(indexed.convert("RGB")))


@pytest.mark.parametrize("name", ["fire", "viridis", "hsv", "turbo", "I Orange", "HiLo"])
def test_lookup_tables_for_display_change_no_intensity(tmp_path, name):
    from napari.utils.colormaps import ensure_colormap

    lut = ensure_colormap(name).map(np.linspace(0, 1, 256))[:, :3]
    data = random_image((20, 30), np.uint8)
    path = tmp_path / "lut.tif"
    tifffile.imwrite(path, data, imagej=True, colormap=np.rint(lut.T * 255).astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(path).data, data)
