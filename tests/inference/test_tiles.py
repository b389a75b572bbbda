"""Cutting covers every pixel once, and every window holds its tile's context."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from napari_sr.inference._tiles import Cut, Span, cut_tiles, split

lengths = st.integers(1, 200)


@given(st.integers(-50, 50), lengths, lengths)
def test_pieces_follow_each_other_and_are_about_equal(start, length, longest):
    pieces = split(Span(start, start + length), longest)
    assert pieces[0].start == start
    assert pieces[-1].stop == start + length
    assert all(a.stop == b.start for a, b in pairwise(pieces))
    sizes = [piece.length for piece in pieces]
    assert min(sizes) >= 1
    assert max(sizes) <= min(longest, min(sizes) + 1)


@given(st.integers(0, 30), lengths, lengths, st.integers(0, 40), st.sampled_from([1, 2, 6]))
def test_windows_of_one_length_hold_tile_and_halo(start, length, tile, halo, alignment):
    bounds = Span(start * alignment, start * alignment + length)
    cut = Cut(bounds, tile, halo, alignment)
    for piece in split(bounds, tile):
        window = Span(cut.start(piece), cut.start(piece) + cut.window)
        assert window.start % alignment == 0
        assert bounds.start <= window.start <= max(bounds.start, piece.start - halo)
        assert min(bounds.stop, piece.stop + halo) <= window.stop <= bounds.stop


def test_a_stack_is_cut_frame_by_frame_and_row_by_row():
    tiles = list(cut_tiles(2, Span(0, 3), Span(0, 4), (3, 2)))
    assert [tile.frame for tile in tiles] == [0, 0, 1, 1]
    assert [tile.x for tile in tiles[:2]] == [Span(0, 2), Span(2, 4)]
