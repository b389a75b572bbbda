"""Tiles cover every pixel once, and every window contains the context of its tile."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from napari_sr.inference._tiles import AxisTiling, Span, cut_tiles, longest_piece, split

lengths = st.integers(1, 200)


@given(st.integers(-50, 50), lengths, lengths)
def test_pieces_are_adjacent_and_about_equal(start, length, longest):
    pieces = split(Span(start, start + length), longest)
    assert pieces[0].start == start
    assert pieces[-1].stop == start + length
    assert all(a.stop == b.start for a, b in itertools.pairwise(pieces))
    sizes = [piece.length for piece in pieces]
    assert min(sizes) >= 1
    assert max(sizes) <= min(longest, min(sizes) + 1)
    assert max(sizes) == longest_piece(length, longest)


@st.composite
def bounds_and_alignment(draw):
    alignment = draw(st.sampled_from([1, 2, 6]))
    start = alignment * draw(st.integers(0, 30))
    return Span(start, start + draw(lengths)), alignment


@given(bounds_and_alignment(), lengths, st.integers(0, 40), st.integers(0, 40))
def test_windows_of_one_length_contain_tile_and_halo(extent, tile, halo, margin):
    bounds, alignment = extent
    # Blocks of a lazy image read more than their tiles cover.
    margin = min(margin, (bounds.length - 1) // 2)
    pieces = split(Span(bounds.start + margin, bounds.stop - margin), tile)
    tight = AxisTiling.fitted_to(pieces, bounds, halo, alignment)
    free = AxisTiling.for_any_position(
        max(piece.length for piece in pieces), bounds, halo, alignment
    )
    assert tight.window <= free.window
    for piece, tiling in itertools.product(pieces, (tight, free)):
        window = Span(tiling.start(piece), tiling.start(piece) + tiling.window)
        assert window.start % alignment == 0
        assert bounds.start <= window.start <= max(bounds.start, piece.start - halo)
        assert min(bounds.stop, piece.stop + halo) <= window.stop <= bounds.stop


@given(bounds_and_alignment(), lengths, st.integers(0, 40))
def test_windows_are_no_longer_than_tiles_need(extent, tile, halo):
    bounds, alignment = extent
    pieces = split(bounds, tile)
    tiling = AxisTiling.fitted_to(pieces, bounds, halo, alignment)
    ends = min(len(pieces), 3) - 1  # sides of a tile that have context
    assert tiling.window < max(piece.length for piece in pieces) + ends * halo + 2 * alignment
    assert tiling.window <= bounds.length


def test_stack_is_cut_frame_by_frame_and_row_by_row():
    tiles = list(cut_tiles(2, Span(0, 3), Span(0, 4), (3, 2)))
    assert [tile.frame for tile in tiles] == [0, 0, 1, 1]
    assert [tile.x for tile in tiles[:2]] == [Span(0, 2), Span(2, 4)]
