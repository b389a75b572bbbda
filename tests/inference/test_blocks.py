"""Blocks cover the image, leave each other the context they need, and give equal chunks where the factor allows."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.inference import _blocks, enlarge_lazily, plan, row_blocks, square_blocks

from .conftest import Plain, make_model

MODEL = make_model({2: Plain(2), 3: Plain(3)})
CUTS = st.sampled_from([row_blocks, square_blocks])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 24)


@given(
    size=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    chunks=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scale=st.floats(1.01, 3),
    cut=CUTS,
)
@settings(max_examples=60, deadline=None)
def test_blocks_cover_the_image_with_room_for_their_context(size, chunks, scale, cut):
    planned = plan(size, scale, MODEL, dtype=np.uint8, tile=20, measure=False)
    for length, spans in zip(size, cut(planned, chunks), strict=True):
        assert [i for span in spans for i in range(*span)] == list(range(length))
        assert len(spans) == 1 or min(span.length for span in spans) >= _blocks.depth(planned)


@given(
    size=st.tuples(st.integers(100, 400), st.integers(100, 400)),
    chunks=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scale=st.sampled_from([2, 2.5, 2.6, 1.1, 7 / 3, (1.25, 3)]),
    cut=CUTS,
)
@settings(max_examples=40, deadline=None)
def test_blocks_give_equal_chunks(size, chunks, scale, cut):
    image = da.zeros(size, chunks=tuple(map(min, size, chunks)), dtype=np.uint8)
    lazy = enlarge_lazily(plan(image, scale, MODEL, tile=20, measure=False), image, cut)
    for lengths in lazy.chunks:
        assert len(set(lengths[:-1])) <= 1
        assert lengths[-1] <= lengths[0]


def test_rows_are_whole_unless_they_are_very_large(monkeypatch):
    planned = plan((300, 200), 2, MODEL, dtype=np.float32, tile=20, measure=False)
    rows, columns = row_blocks(planned, (10, 10))
    assert len(rows) > 5
    assert len(columns) == 1
    monkeypatch.setattr(_blocks, "_ROWS_BYTES", 10_000)
    assert len(row_blocks(planned, (10, 10))[1]) > 1
