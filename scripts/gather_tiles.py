"""Gather the wider set of training tiles: those of a folder, and more out of pictures that Debian packages carry.

    apt-get download gnome-backgrounds ukui-wallpapers ... && dpkg-deb -x FILE.deb PACKAGES/NAME    # for each package
    python scripts/gather_tiles.py PHOTOS PACKAGES OUT

PHOTOS is the folder of tiles that TRAINING.md names, PACKAGES a folder with one unpacked package of `WALLPAPERS` and
`TEXTURES` in each subfolder. OUT gets the tiles of PHOTOS as links, mosaics of them at a third of the size, and the
most detailed tiles of the packages' pictures: lossless, 384 x 384 pixels.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_sr.evaluation import psnr
from napari_sr.training import held_out_indices, image_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

SIDE = 384
HELD_OUT = 24
"""Tiles of PHOTOS that recipes hold out. Of OUT they hold out others."""
WALLPAPERS = (
    "gnome-backgrounds",
    "ukui-wallpapers",
    "lomiri-wallpapers-20.04",
    "lomiri-wallpapers-16.04",
    "lxqt-themes",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "sway-backgrounds",
)
TEXTURES = (
    "supertuxkart-data",
    "flightgear-data-base",
    "palapeli-data",
    "jigzo-data",
    "kgeography-data",
    "hugin-data",
    "tuxpaint-stamps-default",
)
_NO_PICTURE = re.compile(
    r"norm|spec|gloss|bump|mask|alpha|_nm|light-?map|material|_mr\b|height|effect|-n\.|_n\."
)
"""Names of textures that describe a surface, not what it looks like."""


class Seen:
    """Thumbnails, so that a picture that comes in several sizes or colors counts once."""

    def __init__(self, least: float) -> None:
        self.least, self.thumbnails = least, np.zeros((0, 16, 16, 3))

    def is_new(self, image: Pixels) -> bool:
        """Whether nothing like it was asked about before; its mean difference is in grey levels."""
        tiny = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(float)
        if (np.abs(self.thumbnails - tiny).mean((1, 2, 3)) < self.least).any():
            return False
        self.thumbnails = np.concatenate([self.thumbnails, tiny[None]])
        return True


def reduce(image: Pixels, factor: int) -> Pixels:
    """Mean over squares: what JPEG left of its blocks goes."""
    if factor == 1:
        return image
    size = (image.shape[1] // factor, image.shape[0] // factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def plainness(tile: Pixels) -> float:
    """PSNR in dB of a tile that was halved and enlarged again: high where there is nothing to learn."""
    half = cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    again = cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return psnr(tile, again)


def tiles(
    image: Pixels, least: float, most: float, count: int
) -> Iterator[tuple[int, int, Pixels]]:
    """The most detailed tiles of an image, each with its corner (y, x), within limits of plainness."""
    height, width = image.shape[:2]
    cut = [
        (y, x, image[y : y + SIDE, x : x + SIDE])
        for y in range(0, height - SIDE + 1, SIDE)
        for x in range(0, width - SIDE + 1, SIDE)
    ]
    scored = sorted(((plainness(tile), y, x, tile) for y, x, tile in cut), key=lambda each: each[0])
    kept = [each for each in scored if least < each[0] < most]
    yield from ((y, x, tile) for _, y, x, tile in kept[:count])


def pictures(package: Path) -> list[Path]:
    """Picture files of a package, without links and without what is too small to be one."""
    return [
        path
        for path in image_paths(package)
        if not path.is_symlink() and path.stat().st_size >= 60_000
    ]


def gather_wallpapers(packages: Path, out: Path) -> None:
    """Opaque pictures of 768 pixels or more, at 1/2, 1/3, 1/4 and 1/6."""
    found = [path for name in WALLPAPERS for path in pictures(packages / name)]
    seen = Seen(4)
    for path in sorted(found, key=lambda path: -path.stat().st_size):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or min(image.shape[:2]) < 768:
            continue
        if image.shape[2] == 4 and image[..., 3].min() < 250:
            continue
        image = image[..., :3]
        if image.dtype != np.uint8:
            image = (image / 257).astype(np.uint8)
        if not seen.is_new(image):
            continue
        for factor in (2, 3, 4, 6):
            count = 6 if factor < 4 else 4
            for y, x, tile in tiles(reduce(image, factor), 0, 36, count):
                cv2.imwrite(str(out / f"zz_{path.stem}_{factor}_{y}_{x}.png"), tile)


def gather_textures(packages: Path, out: Path) -> None:
    """Every second of two tiles from each texture, screen and drawing; large ones are halved."""
    seen, number, written = Seen(5), 0, []
    for package in TEXTURES:
        for path in pictures(packages / package):
            image = _texture(path)
            if image is None or not seen.is_new(image):
                continue
            factor = 2 if min(image.shape[:2]) >= 768 else 1
            for y, x, tile in tiles(reduce(image, factor), 20, 33, 2):
                written.append((f"{package[:4]}_{number:04}_{y}_{x}.png", tile))
                number += 1
    for name, tile in sorted(written, key=lambda each: each[0])[::2]:
        cv2.imwrite(str(out / f"zx_{name}"), tile)


def _texture(path: Path) -> Pixels | None:
    """A texture over its opposite mean color where it is transparent; None where it shows nothing to look at."""
    if _NO_PICTURE.search(path.name.lower()):
        return None
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or min(image.shape[:2]) < SIDE or image.dtype != np.uint8:
        return None
    if image.shape[2] == 4:
        opaque = image[..., :3][image[..., 3] > 128]
        if len(opaque) < 0.3 * image.shape[0] * image.shape[1]:
            return None
        share = image[..., 3:] / 255
        image = (image[..., :3] * share + (1 - share) * (255 - opaque.mean(0))).astype(np.uint8)
    blue, green, red = image.reshape(-1, 3).mean(0)
    is_normals = blue > 180 and abs(green - 128) < 25 and abs(red - 128) < 25
    return None if is_normals else np.asarray(image, np.uint8)


def make_mosaics(photos: list[Path], out: Path) -> None:
    """Nine tiles at a third in one, sharper than what they come from; none that recipes hold out of PHOTOS."""
    held = held_out_indices(len(photos), HELD_OUT)
    used = [path for i, path in enumerate(photos) if i not in held]
    np.random.default_rng(0).shuffle(used)
    for number in range(len(used) // 9):
        nine = [reduce(cv2.imread(str(p)), 3) for p in used[9 * number : 9 * number + 9]]
        rows = [np.concatenate(nine[i : i + 3], axis=1) for i in (0, 3, 6)]
        cv2.imwrite(str(out / f"zy_{number:03}.png"), np.concatenate(rows))


def main(photos: Path, packages: Path, out: Path) -> None:
    """Gather all of it."""
    missing = [name for name in WALLPAPERS + TEXTURES if not (packages / name).is_dir()]
    if missing:
        raise SystemExit(f"{packages} lacks {', '.join(missing)}: apt-get download, dpkg-deb -x")
    out.mkdir(parents=True)
    own = sorted(photos.glob("*.webp"))
    for path in own:
        (out / path.name).symlink_to(path.resolve())
    make_mosaics(own, out)
    gather_wallpapers(packages, out)
    gather_textures(packages, out)
    print(f"{len(list(out.iterdir()))} tiles in {out}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
