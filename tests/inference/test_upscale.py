"""Images in, larger images out: axes, dtypes, intensities, color, progress, and errors."""

import itertools
import logging
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_sr
from napari_sr.errors import CancelledError, DeviceError, InputError, NapariSRError
from napari_sr.imaging import bt601_luma, imresize
from napari_sr.inference import upscale

from .conftest import Exploding, Limited, Plain, make_model

ALL = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "uint32",
    "int64",
    "float16",
    "float32",
    "float64",
]
GREY = make_model({2: Plain(2), 3: Plain(3)})


def pattern(shape=(24, 30), seed=0):
    return np.random.default_rng(seed).random(shape)


def as_dtype(image, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (image * 100 - 20).astype(kind)
    return (image * 100).astype(kind) if kind.kind != "b" else image > 0.5


@pytest.mark.parametrize("dtype", ALL)
def test_dtype_is_kept_and_bicubic_is_that_of_matlab_up_to_rounding(dtype):
    image = as_dtype(pattern(), dtype)
    ours = upscale(image, 2, "bicubic")
    expected = imresize(image, 2)
    assert (ours.dtype, ours.shape) == (image.dtype, (48, 60))
    if image.dtype.kind == "b":
        np.testing.assert_array_equal(ours, expected >= 0.5)
    elif image.dtype.kind == "f":
        np.testing.assert_allclose(
            ours, expected, rtol=1e-3 if dtype == "float16" else 1e-4, atol=1e-4
        )
    else:
        limits = np.iinfo(image.dtype)
        clipped = np.clip(expected, limits.min, limits.max)
        assert np.abs(ours.astype(float) - clipped).max() <= 0.5001


@pytest.mark.parametrize("scale", [1.5, (1, 3.3), 11, np.float32(2.5)])
@pytest.mark.parametrize("tile", [None, 9])
def test_bicubic_is_that_of_matlab_at_any_factor(scale, tile):
    image = pattern()
    image[5, 6] = 40
    ours = upscale(image, scale, "bicubic", tile=tile)
    factors = [float(f) for f in np.broadcast_to(scale, 2)]
    expected = imresize(image, factors, ours.shape)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0.25, 3.0, 1000.0]), st.sampled_from([-500.0, 0.0, 70.0]))
def test_linear_map_of_the_image_maps_the_result(k, c):
    image = pattern()
    image[3, 4] = 50  # a hot pixel
    expected = k * upscale(image, 2, GREY) + c
    np.testing.assert_allclose(upscale(k * image + c, 2, GREY), expected, rtol=1e-5, atol=1e-5 * k)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1)])
def test_constant_images_stay_constant(grey, dtype, shape):
    image = np.full(shape, 1 if dtype == "bool" else 37, dtype)
    assert (upscale(image, 3, grey) == image.flat[0]).all()


def test_network_gets_no_value_outside_its_range():
    seen = []

    class Spy(Plain):
        def forward(self, x):
            seen.append((float(x.min()), float(x.max())))
            return super().forward(x)

    image = pattern((40, 40))
    image[20, 20], image[1, 1] = 1e6, -1e6
    model = make_model({2: Spy(2, gain=30.0)}, value_range=255.0)
    napari_sr.plan(image, 3.9, model)
    seen.clear()  # of the search for the halo, which uses NaN
    upscale(image, 3.9, model)
    assert min(low for low, _ in seen) >= 0
    assert max(high for _, high in seen) <= 255


def test_outliers_are_kept_and_change_nothing_far_away(grey):
    image = pattern((48, 48))
    plain = upscale(image, 2, grey)
    image[24, 24] = 1000
    hot = upscale(image, 2, grey)
    changed = np.abs(hot - plain) > 1e-6
    assert changed[40:60, 40:60].any()
    changed[38:62, 38:62] = False
    assert not changed.any()
    assert hot.max() > 500


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tile", [None, 7])
def test_nan_and_infinity_stay_where_they_were(grey, bad, tile):
    image = pattern()
    image[[0, 5, 10, 11], [0, 29, 6, 7]] = bad
    ours = upscale(image, 3, grey, tile=tile)
    expected = np.kron(~np.isfinite(image), np.ones((3, 3), bool))
    np.testing.assert_array_equal(~np.isfinite(ours), expected)
    np.testing.assert_array_equal(ours[expected], bad)


def test_nan_changes_nothing_beyond_the_halo_and_does_not_depend_on_tiles(grey):
    image = pattern((40, 40))
    plain = upscale(image, 2, grey, intensity_range=(0, 1))
    image[20, 20] = np.nan
    whole = upscale(image, 2, grey, intensity_range=(0, 1), tile=None)
    np.testing.assert_allclose(
        upscale(image, 2, grey, intensity_range=(0, 1), tile=6), whole, atol=5e-6
    )
    near = np.zeros(whole.shape, bool)
    near[34:48, 34:48] = True
    np.testing.assert_allclose(whole[~near], plain[~near], atol=5e-6)


def test_image_of_nan_stays_one(grey):
    assert np.isnan(upscale(np.full((4, 5), np.nan), 2, grey)).all()


@pytest.mark.parametrize("letters", ["TCZYX", "YXS", "CYX"])
def test_axes_may_be_in_any_order(grey, letters):
    lengths = {"T": 2, "C": 2, "Z": 3, "Y": 9, "X": 11, "S": 3}
    stack = pattern([lengths[letter] for letter in letters])
    expected = upscale(stack, 2, grey, letters)
    orders = list(itertools.permutations(range(len(letters))))
    for order in orders[:: max(1, len(orders) // 6)]:
        named = "".join(letters[i] for i in order)
        ours = upscale(stack.transpose(order), 2, grey, named)
        np.testing.assert_allclose(ours, expected.transpose(order), atol=5e-6)


def test_channels_have_separate_ranges_and_stacks_a_common_one(grey):
    stack = pattern((2, 3, 12, 12))
    stack[1] *= 1000
    ours = upscale(stack, 2, grey, "CZYX")
    for channel in range(2):
        np.testing.assert_allclose(
            ours[channel], upscale(stack[channel], 2, grey, "ZYX"), rtol=1e-5, atol=1e-4
        )
    np.testing.assert_allclose(ours[1], 1000 * upscale(stack[1] / 1000, 2, grey, "ZYX"), rtol=1e-4)
    single = upscale(stack[0, 0] * 0.5, 2, grey)
    frame = upscale(np.stack([stack[0, 0] * 0.5, stack[0, 1]]), 2, grey)[0]
    assert np.abs(single - frame).max() > 1e-4


def test_rgb_of_8_bits_has_the_range_0_to_255(rgb):
    dim = (pattern((12, 12, 3)) * 40 + 10).astype(np.uint8)
    fixed = upscale(dim, 2, rgb, intensity_range=(0, 255))
    np.testing.assert_array_equal(upscale(dim, 2, rgb), fixed)
    assert np.abs(fixed - upscale(dim, 2, rgb, intensity_range=(10, 50)).astype(int)).max() > 1


def test_float_rgb_is_8_bit_rgb_over_255(rgb):
    image = (pattern((12, 12, 3)) * 255).astype(np.uint8)
    ours = upscale(image / np.float32(255), 2, rgb) * 255
    assert np.abs(np.clip(ours, 0, 255) - upscale(image, 2, rgb)).max() <= 0.501


def test_alpha_is_resampled_without_the_network(rgb):
    image = (pattern((12, 14, 4)) * 255).astype(np.uint8)
    ours = upscale(image, 2, rgb)
    np.testing.assert_array_equal(ours[..., :3], upscale(image[..., :3], 2, rgb))
    alpha = np.clip(imresize(image[..., 3], 2), image[..., 3].min(), image[..., 3].max())
    assert np.abs(ours[..., 3] - alpha).max() <= 0.501


def test_luma_goes_through_the_network_and_chroma_is_bicubic(luma):
    image = pattern((16, 18, 3)) * 0.4 + 0.3
    ours = upscale(image, 2, luma)
    expected = upscale(bt601_luma(image), 2, luma, intensity_range=(0, 1))
    np.testing.assert_allclose(bt601_luma(ours), expected, atol=1e-5)
    chroma = ours - ours[..., :1]
    small = imresize(image, 2)
    np.testing.assert_allclose(chroma, small - small[..., :1], atol=1e-5)


def test_gray_images_go_through_rgb_networks_as_three_equal_channels(rgb):
    image = pattern((14, 15))
    three = upscale(np.stack([image] * 3), 2, rgb, "SYX", intensity_range=(0, 1))
    ours = upscale(image, 2, rgb, intensity_range=(0, 1))
    np.testing.assert_allclose(ours, three.mean(axis=0), atol=1e-5)


def test_gray_models_take_rgb_one_channel_at_a_time(grey):
    image = pattern((14, 15, 3))
    ours = upscale(image, 2, grey)
    for sample in range(3):
        single = upscale(image[..., sample], 2, grey, intensity_range=(0, 1))
        np.testing.assert_allclose(ours[..., sample], single, atol=5e-6)


def test_factor_of_one_returns_a_copy():
    image = pattern()
    ours = upscale(image, 1, "bicubic")
    np.testing.assert_array_equal(ours, image)
    assert not np.shares_memory(ours, image)


def test_input_is_not_changed(grey):
    image = pattern()
    image[2, 2] = np.nan
    before = image.copy()
    image.setflags(write=False)
    upscale(image, 2.5, grey)
    np.testing.assert_array_equal(image, before)


def test_big_endian_strided_and_nested_list_images_are_upscaled(grey):
    image = (pattern() * 1000).astype(np.uint16)
    expected = upscale(image, 2, grey)
    np.testing.assert_array_equal(upscale(image.astype(">u2"), 2, grey), expected)
    np.testing.assert_array_equal(upscale(np.repeat(image, 2, axis=1)[:, ::2], 2, grey), expected)
    np.testing.assert_array_equal(
        upscale(image.tolist(), 2, grey), upscale(image.astype(int), 2, grey)
    )


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.empty((0, 0)), {}, "empty"),
        (np.empty((5, 0)), {}, "empty"),
        (np.zeros(5), {}, "no image"),
        (np.zeros((5, 5), complex), {}, "complex"),
        (np.zeros((5, 5), object), {}, "object"),
        (np.ma.zeros((5, 5)), {}, "masked"),
        (np.zeros((5, 5)), {"scale": 0.5}, "scale"),
        (np.zeros((5, 5)), {"scale": float("nan")}, "scale"),
        (np.zeros((5, 5)), {"scale": float("inf")}, "scale"),
        (np.zeros((5, 5)), {"scale": (2, 2, 2)}, "scale"),
        (np.zeros((5, 5)), {"scale": "large"}, "scale"),
        (np.zeros((5, 5)), {"tile": 0}, "tile"),
        (np.zeros((5, 5)), {"tile": (8, -1)}, "tile"),
        (np.zeros((5, 5)), {"tile": 2.5}, "tile"),
        (np.zeros((5, 5)), {"tile": "huge"}, "tile"),
        (np.zeros((5, 5)), {"axes": "YXS"}, "axes"),
        (np.zeros((5, 5)), {"intensity_range": (1, 1)}, "intensity_range"),
        (np.zeros((5, 5)), {"device": "cuda:99"}, "choose auto"),
        (np.zeros((5, 5)), {"device": "gpu"}, "choose auto"),
        (np.zeros((5, 5)), {"precision": "float8"}, "precision must be auto, float32"),
        (
            np.zeros((5, 5)),
            {"isotropic": 5.0},
            "give the distance of planes in pixels as z_spacing",
        ),
        (np.zeros((5, 5)), {"z_spacing": 5.0}, "only used with isotropic=True"),
        (np.zeros((3, 5, 5)), {"isotropic": True}, "pass z_spacing"),
        (np.zeros((5, 5)), {"tile_mode": "perfect"}, "seamless or exact"),
        (np.zeros((5, 5)), {"model": "no-such-model"}, "no-such-model"),
        (np.zeros((5, 5)), {"scale": 1e9}, "memory"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(image, options, message):
    with pytest.raises(NapariSRError, match=message) as caught:
        upscale(image, **{"scale": 2, "model": "bicubic", **options})
    assert "\n" not in str(caught.value)
    if "device" in options or "precision" in options:
        assert isinstance(caught.value, DeviceError)
    elif "model" not in options:
        assert isinstance(caught.value, InputError)


def test_progress_counts_tiles_and_can_stop_the_run():
    seen = []
    upscale(
        pattern((20, 20)),
        2,
        "bicubic",
        tile=10,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def stop(done, total):
        if done:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        upscale(pattern((20, 20)), 2, "bicubic", tile=10, progress=stop)


def test_progress_true_shows_a_bar(grey, capsys):
    upscale(pattern((20, 20)), 2, grey, tile=10, progress=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "tile" in shown
    upscale(pattern((20, 20)), 2, grey, tile=10)
    upscale(pattern((20, 20)), 2, grey, tile=10, progress=False)
    assert not capsys.readouterr().err


def test_progress_bar_counts_the_tiles_that_memory_allows(limited, capsys):
    image = pattern((60, 70))
    made = napari_sr.plan(image, 2, limited, tile=None)
    assert made.n_tiles == 1
    Limited.limit = 900
    upscale(image, 2, limited, tile=None, progress=True)
    done, total = re.findall(r"(\d+)/(\d+)", capsys.readouterr().err)[-1]
    assert int(done) == int(total) > 1


def test_messages_are_logged_once_for_users_of_the_console(caplog):
    image = pattern() * 0.5
    image[10, 10] = 1
    with caplog.at_level(logging.WARNING, "napari_sr"):
        upscale(image, 2, make_model({2: Exploding()}), intensity_range=(0, 1))
    assert [record.message for record in caplog.records] == [
        "bicubic replaces double at 9 pixels, where its output strayed from the image, as it does on hot pixels, noise "
        "or fine patterns: 9 far outside the range"
    ]


def test_unknown_option_is_an_error(grey):
    with pytest.raises(TypeError, match="halo"):
        upscale(pattern(), 2, grey, halo=3)
    with pytest.raises(TypeError, match="halo"):
        napari_sr.plan(pattern(), 2, grey, halo=3)


@pytest.mark.parametrize(
    ("alias", "precision"),
    [("fp16", "float16"), ("half", "float16"), ("bf16", "bfloat16"), ("FP32", "float32")],
)
def test_names_of_other_tools_for_precisions_are_understood(grey, alias, precision):
    named = upscale(pattern(), 2, grey, precision=precision)
    np.testing.assert_array_equal(upscale(pattern(), 2, grey, precision=alias), named)
    assert napari_sr.plan(pattern(), 2, grey, precision=alias).precision == precision


def test_package_offers_upscale():
    assert napari_sr.upscale is upscale
