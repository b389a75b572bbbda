"""At any factor each output pixel belongs to one tile, and a tile is resampled as the whole image is."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.imaging import imresize
from napari_sr.inference._resample import AxisResampler
from napari_sr.inference._tiles import Span, split

factors = st.floats(1, 4)


@given(st.integers(1, 80), factors, st.integers(1, 40))
def test_every_output_pixel_belongs_to_one_tile(size, factor, tile):
    resampler = AxisResampler(size, factor, 4)
    spans = [resampler.output_span(piece) for piece in split(Span(0, size), tile)]
    assert spans[0].start == 0
    assert spans[-1].stop == resampler.out == max(1, round(size * factor))
    assert all(a.stop == b.start for a, b in pairwise(spans))


@given(st.integers(1, 60), factors)
def test_upsampling_is_matlab_bicubic(size, factor):
    x = np.random.default_rng(size).random(size)
    resampler = AxisResampler(size, factor, 4)
    ours = resampler.bicubic_upsample.apply(torch.from_numpy(x), 0, Span(0, resampler.out), 0)
    expected = imresize(x, [factor], [resampler.out], axes=(0,))
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(st.integers(10, 60), factors, st.integers(3, 20))
def test_resampling_reads_no_further_than_the_margin(size, factor, tile):
    resampler = AxisResampler(size, factor, 4)
    table = resampler.antialiased_downsample or resampler.bicubic_upsample
    native = resampler.native if resampler.antialiased_downsample else 1
    margin = resampler.margin if resampler.antialiased_downsample else 2
    for piece in split(Span(0, size), tile):
        rows = resampler.output_span(piece)
        read = table.indices[rows.slice]
        if read.size:
            assert read.min() >= native * max(0, piece.start - margin)
            assert read.max() < native * min(size, piece.stop + margin)


@given(st.integers(1, 60), st.sampled_from([1, 2, 3, 4]))
def test_source_pixels_of_a_whole_factor_are_blocks(size, factor):
    resampler = AxisResampler(size, factor, 4)
    np.testing.assert_array_equal(
        resampler.source_pixels(Span(0, resampler.out)), np.repeat(np.arange(size), factor)
    )
