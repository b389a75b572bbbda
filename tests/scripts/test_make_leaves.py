"""Tiles of dead leaves: the same every time, sharp, and of the colors that they are given."""

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


@pytest.fixture(scope="module", params=range(6))
def leaves(request, photos):
    """A tile, one after the other."""
    return make_leaves.leaves(request.param, make_leaves.image_paths(photos))


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


def test_has_edges_that_its_textures_have_not(photos, leaves):
    smooth = cv2.imread(str(make_leaves.image_paths(photos)[0]))
    assert sharpest(leaves) > 10 * sharpest(smooth)


def test_hardly_any_of_the_ground_is_left(leaves):
    """Leaves cover each other; a tile of ground with a few specks would teach little."""
    colors, counts = np.unique(leaves.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colors) > 1000
    assert counts.max() < leaves[..., 0].size / 2


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


def test_a_folder_without_images_is_one_line_and_makes_nothing(tmp_path):
    with pytest.raises(SystemExit, match="holds no images"):
        make_leaves.main(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
