"""Tiles of dead leaves: the same every time, sharp, and of the colours that they are given."""

from __future__ import annotations

import cv2
import make_leaves
import numpy as np
import pytest


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three smooth tiles of one hue each, as nothing sharp may come from them."""
    folder = tmp_path_factory.mktemp("photos")
    for i, hue in enumerate([(40, 60, 200), (60, 180, 70), (190, 90, 50)]):
        shade = np.linspace(0.5, 1, make_leaves.SIDE)[:, None, None]
        tile = np.broadcast_to(
            shade * np.array(hue, float), (make_leaves.SIDE, make_leaves.SIDE, 3)
        )
        cv2.imwrite(str(folder / f"{i}.png"), tile.astype(np.uint8))
    return folder


def sharpest(tile):
    """The 99th percentile of differences between neighbours."""
    return np.percentile(np.abs(np.diff(tile.astype(float), axis=1)), 99)


def test_the_same_seed_gives_the_same_tile_and_another_another(photos):
    tiles = make_leaves.image_paths(photos)
    first = make_leaves.leaves(0, tiles)
    assert first.shape == (384, 384, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, make_leaves.leaves(0, tiles))
    assert not np.array_equal(first, make_leaves.leaves(1, tiles))


@pytest.mark.parametrize("seed", range(6))
def test_has_edges_that_its_textures_have_not(photos, seed):
    tiles = make_leaves.image_paths(photos)
    assert sharpest(make_leaves.leaves(seed, tiles)) > 10 * sharpest(cv2.imread(str(tiles[0])))


@pytest.mark.parametrize("seed", range(6))
def test_hardly_any_of_the_ground_is_left(photos, seed):
    """Leaves cover each other; a tile of ground with a few specks would teach little."""
    tile = make_leaves.leaves(seed, make_leaves.image_paths(photos))
    colours, counts = np.unique(tile.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colours) > 1000
    assert counts.max() < tile[..., 0].size / 2


def test_a_shape_off_the_tile_changes_nothing():
    canvas = make_leaves.Canvas(np.random.default_rng(0), [np.zeros((384, 384, 3), np.uint8)] * 3)
    beyond = np.array([[-50, -50], [-10, -50], [-30, -5]], np.int32)
    assert canvas._part(beyond) is None


def test_main_writes_all_tiles_and_no_others(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_leaves, "COUNT", 2)
    make_leaves.main(photos, tmp_path / "out")
    assert [p.name for p in make_leaves.image_paths(tmp_path / "out")] == [
        "yl_000.png",
        "yl_001.png",
    ]
    written = cv2.imread(str(tmp_path / "out/yl_001.png"))[..., ::-1]
    assert np.array_equal(written, make_leaves.leaves(1, make_leaves.image_paths(photos)))
    assert "2 tiles" in capsys.readouterr().out
