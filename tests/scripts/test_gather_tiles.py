"""The wider set of training tiles: what is taken from packages, and what is not."""

from __future__ import annotations

import os

import cv2
import gather_tiles
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the script makes symbolic links")


def picture(seed, height=800, width=900, detail=40):
    """Smooth colors with some noise: what a reduction by two leaves is between plain and wild."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 9, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, detail, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def packages(tmp_path):
    """Empty packages, but for one wallpaper in two sizes and textures of which one describes a surface."""
    for name in gather_tiles.WALLPAPERS + gather_tiles.TEXTURES:
        (tmp_path / "packages" / name).mkdir(parents=True)
    wallpaper, game = picture(0), tmp_path / "packages/supertuxkart-data"
    cv2.imwrite(str(tmp_path / "packages/sway-backgrounds/sea.png"), wallpaper)
    half_larger = cv2.resize(wallpaper, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "packages/mate-backgrounds/sea-large.png"), half_larger)
    cv2.imwrite(str(game / "brick.png"), picture(1, 400, 400, detail=20))
    cv2.imwrite(str(game / "brick_normal.png"), picture(2, 400, 400, detail=20))
    return tmp_path / "packages"


@pytest.fixture
def photos(tmp_path):
    """Sixty tiles, each of one grey."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for grey in range(60):
        tile = np.full((gather_tiles.SIDE,) * 2 + (3,), 4 * grey, np.uint8)
        cv2.imwrite(str(folder / f"{grey:02}.webp"), tile, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return folder


def test_what_is_gathered(packages, photos, tmp_path):
    out = tmp_path / "out"
    gather_tiles.main(photos, packages, out)
    images = {path.name: cv2.imread(str(path)) for path in out.iterdir()}
    assert {image.shape for image in images.values()} == {(384, 384, 3)}
    wallpapers = {name.split("_")[1] for name in images if name.startswith("zz_")}
    assert len(wallpapers) == 1, "the same picture in another size is no other picture"
    textures = [image for name, image in images.items() if name.startswith("zx_")]
    assert len(textures) == 1
    np.testing.assert_array_equal(textures[0], picture(1, 400, 400, detail=20)[:384, :384])
    mosaics = [image for name, image in images.items() if name.startswith("zy_")]
    assert len(mosaics) == (60 - gather_tiles.HELD_OUT) // 9
    held = 4 * np.linspace(0, 59, gather_tiles.HELD_OUT, dtype=int)
    assert not np.isin(np.unique(mosaics), held).any()


def test_packages_that_are_missing_are_named(photos, tmp_path):
    with pytest.raises(SystemExit, match=r"lacks gnome-backgrounds, .*dpkg-deb -x"):
        gather_tiles.main(photos, tmp_path / "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()
