"""Patches are parts of their images, and small and large patches show the same place."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_sr.training._pixels import Corners, PixelStore, random_corners

SIZES = [(9, 14), (20, 9), (11, 11)]


def numbered(scale):
    """Images whose values are their own position: image, row and column of the small pixel."""
    images = []
    for i, (h, w) in enumerate(SIZES):
        y, x = torch.meshgrid(torch.arange(h * scale), torch.arange(w * scale), indexing="ij")
        images.append(torch.stack([torch.full_like(y, i), y // scale, x // scale], dim=-1))
    return PixelStore(images)


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_small_and_large_patches_show_the_same_place(seed, side):
    small, large = numbered(1), numbered(3)
    generator = torch.Generator().manual_seed(seed)
    corners = random_corners(small.height, small.width, 6, side, generator)
    a, b = small.patches(corners, side), large.patches(corners, side, 3)
    assert torch.equal(a.repeat_interleave(3, 2).repeat_interleave(3, 3), b)
    assert torch.equal(a[:, 0], corners.image[:, None, None].expand(-1, side, side))


def test_orientations_are_the_eight_symmetries():
    store = PixelStore([torch.arange(12).view(3, 4, 1)])
    zero = torch.zeros(8, dtype=torch.long)
    turn = torch.tensor([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]).bool()
    patches = store.patches(Corners(zero, zero, zero, turn), 3)[:, 0]
    square = store.image(0)[:, :3, 0]
    for patch, (flip_y, flip_x, swap) in zip(patches, turn.tolist(), strict=True):
        expected = square.T if swap else square
        expected = expected.flip(*[d for d, on in ((0, flip_y), (1, flip_x)) if on] or [[]])
        # The image is transposed and the patch is flipped: each of the eight symmetries occurs once.
        assert any(torch.equal(patch, e) for e in (expected, expected.flip(0), expected.flip(1)))
    assert len({tuple(p.flatten().tolist()) for p in patches}) == 8


def test_every_place_can_be_drawn():
    store = numbered(1)
    generator = torch.Generator().manual_seed(0)
    corners = random_corners(store.height, store.width, 4000, 9, generator)
    first = corners.image == 0
    assert corners.y[first].unique().tolist() == [0]
    assert corners.x[first].unique().tolist() == list(range(6))
