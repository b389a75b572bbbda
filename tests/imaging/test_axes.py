"""Axes are those that the user names, or else the usual ones for a shape or for names of dimensions."""

import numpy as np
import pytest

from napari_sr.errors import InputError
from napari_sr.imaging import (
    ANONYMOUS_AXES,
    axes_from_labels,
    default_axes,
    distinct_axes,
    parse_axes,
)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 9), "YX"),
        ((9, 9, 3), "YXS"),
        ((9, 9, 4), "YXS"),
        ((3, 9, 9), "ZYX"),
        ((9, 9, 5), "ZYX"),
        ((2, 9, 9, 3), "TZYX"),
        ((2, 3, 4, 9, 9), "TCZYX"),
    ],
)
def test_default_axes_follow_from_the_shape(shape, axes):
    assert default_axes(shape) == axes


@pytest.mark.parametrize("shape", [(), (5,), (2, 2, 2, 2, 9, 9)])
def test_shapes_without_default_axes_are_refused(shape):
    with pytest.raises(InputError, match="name its axes"):
        default_axes(shape)


@pytest.mark.parametrize("axes", ["YXS", "SYX", "XYS", "YSX", "XSY", "SXY"])
def test_order_brings_axes_to_samples_y_x(axes):
    lengths = {"Y": 5, "X": 7, "S": 3}
    parsed = parse_axes(axes.lower(), [lengths[letter] for letter in axes])
    assert np.empty(parsed.shape).transpose(parsed.order).shape == (3, 5, 7)
    assert (parsed.size, parsed.samples, parsed.colors) == ((5, 7), 3, 3)


def test_stack_axes_keep_their_order():
    parsed = parse_axes("XCYTZ", (7, 2, 5, 3, 4))
    assert np.empty(parsed.shape).transpose(parsed.order).shape == (2, 3, 4, 5, 7)
    assert (parsed.channels, parsed.stack_shape) == (2, (2, 3, 4))


def test_resizing_changes_y_and_x_only():
    assert parse_axes("XCY", (7, 2, 5)).resized((10, 21)).shape == (21, 2, 10)


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("ZYX", (5, 5), "name 3 dimensions"),
        ("YY", (5, 5), "differ"),
        ("Y1", (5, 5), "letters"),
        ("ZX", (5, 5), "contain Y and X"),
        ("YXS", (5, 5, 6), "independent channels C"),
    ],
)
def test_axes_that_do_not_fit_are_refused_with_a_reason(axes, shape, message):
    with pytest.raises(InputError, match=message):
        parse_axes(axes, shape)


@pytest.mark.parametrize(
    ("labels", "rgb", "axes"),
    [
        (("t", "z", "y", "x"), False, "TZYX"),
        (("time", "channel", "row", "col"), False, "TCYX"),
        (("Frame", " Depth ", "Y", "X"), False, "TZYX"),
        (("y", "x", "z"), False, "YXZ"),
        (("y", "x"), True, "YXS"),
        (("", "-2", "-1"), False, "QYX"),
        (("x", "x", "a"), False, "QYX"),  # without a Y the last two are taken
        (("time", "t", "y", "x"), False, "TQYX"),
        (("lambda", "angle", "y", "x"), False, "CQYX"),
    ],
)
def test_axes_follow_from_names_of_dimensions(labels, rgb, axes):
    assert axes_from_labels(labels, rgb=rgb) == axes


def test_unknown_and_repeated_letters_get_unused_ones():
    assert distinct_axes(["T", "T", "", "Q", "Y", "X"]) == "TIRQYX"
    assert not set(ANONYMOUS_AXES) & set("TCZYXS")
