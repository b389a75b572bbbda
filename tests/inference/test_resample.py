"""Any factor: output pixels belong to one tile each, and tiles resample to what the whole does."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from napari_sr.inference._zoom import Zoom

from napari_sr.imaging import imresize
from napari_sr.inference._tiles import Span, split

factors = st.floats(1, 4)


@given(st.integers(1, 80), factors, st.integers(1, 40))
def test_every_output_pixel_belongs_to_one_tile(size, factor, tile):
    zoom = Zoom(size, factor, 4)
    owned = [zoom.owned(piece) for piece in split(Span(0, size), tile)]
    assert owned[0].start == 0
    assert owned[-1].stop == zoom.out == max(1, round(size * factor))
    assert all(a.stop == b.start for a, b in pairwise(owned))


@given(st.integers(1, 60), factors)
def test_enlarging_is_matlabs_bicubic(size, factor):
    x = np.random.default_rng(size).random(size)
    zoom = Zoom(size, factor, 4)
    ours = zoom.direct.apply(torch.from_numpy(x), 0, Span(0, zoom.out), 0)
    expected = imresize(x, [factor], [zoom.out], axes=(0,))
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(st.integers(10, 60), factors, st.integers(3, 20))
def test_tiles_with_their_margin_suffice_for_resampling(size, factor, tile):
    zoom = Zoom(size, factor, 4)
    table = zoom.reduction or zoom.direct
    native = zoom.native if zoom.reduction else 1
    margin = zoom.margin if zoom.reduction else 2
    for piece in split(Span(0, size), tile):
        rows = zoom.owned(piece)
        read = table.indices[rows.slice]
        if read.size:
            assert read.min() >= native * max(0, piece.start - margin)
            assert read.max() < native * min(size, piece.stop + margin)


@given(st.integers(1, 60), st.sampled_from([1, 2, 3, 4]))
def test_the_nearest_input_pixels_of_a_whole_factor_are_blocks(size, factor):
    zoom = Zoom(size, factor, 4)
    np.testing.assert_array_equal(
        zoom.nearest(Span(0, zoom.out)), np.repeat(np.arange(size), factor)
    )
