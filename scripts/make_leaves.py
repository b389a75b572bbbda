"""Make tiles of dead leaves: shapes that cover each other, with sharp edges of every direction and curvature.

    python scripts/make_leaves.py PHOTOS OUT

PHOTOS is the folder of tiles that TRAINING.md names; colors and textures are taken from them. OUT, which may hold
the tiles of `gather_tiles.py` already, gets 320 tiles, the same ones every time. Photographs seldom have as many
sharp edges as what people test upscaling with.

A. B. Lee, D. Mumford, J. Huang, Occlusion models for natural images, IJCV 2001; R. Achddou, Y. Gousseau, S. Ladjal,
Fully synthetic training for image restoration tasks, Computer Vision and Image Understanding 2023.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from gather_tiles import SIDE

from napari_sr.evaluation import read_rgb
from napari_sr.training import image_paths

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Points = NDArray[np.float64]
    Color = tuple[float, float, float]

COUNT = 320
OVER = 3
"""Tiles are drawn so many times as large, and reduced by area: edges are as a sensor sees them."""
BIG = SIDE * OVER
LARGEST = 120 * OVER
"""Radius of a shape."""
SEEN = 30 * OVER
"""Radius beyond which a shape shows a texture rather than a color."""
CURVES, TEXTS, STRIPES, TEXTURES = 0.24, 0.3, 0.42, 0.68
"""Shares of what is drawn, added up; the rest, and small ones of the last, are shapes of one color."""


def outline(rng: Generator, centre: Points, radius: float) -> NDArray[np.int32]:
    """A polygon, an ellipse or a blob, as (N, 2) of x and y."""
    kind = rng.integers(4)
    if kind == 1:
        return _whole(_ellipse(rng, radius) + centre)
    if kind == 0:
        corners = rng.integers(3, 7)
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        reach = radius * rng.uniform(0.6, 1.2, corners)
    else:
        angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        reach = np.ones(96)
        for harmonic in range(2, 6):
            size = rng.normal(0, 0.35 / harmonic)
            reach += size * np.cos(harmonic * angle + rng.uniform(0, 2 * np.pi))
        reach = radius * np.maximum(reach, 0.15)
    return _whole(np.stack([reach * np.cos(angle), reach * np.sin(angle)], 1) + centre)


def _ellipse(rng: Generator, radius: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    turn, flat = rng.uniform(0, np.pi), rng.uniform(0.25, 1)
    points = np.stack([radius * np.cos(angle), radius * flat * np.sin(angle)], 1)
    cos, sin = np.cos(turn), np.sin(turn)
    turned: Points = points @ np.array([[cos, -sin], [sin, cos]])
    return turned


def _whole(points: Points) -> NDArray[np.int32]:
    return points.round().astype(np.int32)


def bezier(rng: Generator, centre: Points, radius: float) -> NDArray[np.int32]:
    """A smooth line through the plane."""
    count = rng.integers(3, 6)
    points = centre + np.cumsum(rng.normal(0, radius * 0.8, (count, 2)), 0)
    t = np.linspace(0, 1, 60)[:, None]
    last = int(count) - 1
    weights = [math.comb(last, i) * (1 - t) ** (last - i) * t**i for i in range(count)]
    line: Points = sum(w * p for w, p in zip(weights, points, strict=True))
    return _whole(line)


def any_pixel(rng: Generator, texture: Pixels) -> NDArray[np.float64]:
    """A color out of a tile."""
    y, x = rng.integers(SIDE, size=2)
    pixel: NDArray[np.float64] = texture[y, x].astype(float)
    return pixel


def color(rng: Generator, texture: Pixels) -> Color:
    """A color out of a tile; a third have more contrast, some are near black or white."""
    chosen = any_pixel(rng, texture)
    if rng.uniform() < 0.35:
        chosen = (chosen - 128) * rng.uniform(1, 2.5) + 128 + rng.normal(0, 20)
        chosen = np.clip(chosen, 0, 255)
    if rng.uniform() < 0.12:
        chosen = np.full(3, rng.choice([rng.uniform(0, 25), rng.uniform(225, 255)]))
    red, green, blue = map(float, chosen)
    return red, green, blue


class Canvas:
    """A tile in the making.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides everything.
    textures : list of arrays
        Three tiles, (384, 384, 3) of uint8, for colors and textures.
    """

    def __init__(self, rng: Generator, textures: list[Pixels]) -> None:
        self.rng = rng
        self.textures = [
            (each, cv2.resize(each, (BIG, BIG), interpolation=cv2.INTER_CUBIC).astype(np.uint8))
            for each in textures
        ]
        self.image = np.zeros((BIG, BIG, 3), np.uint8)
        self.image[:] = any_pixel(rng, textures[0])

    def add(self, radius: float) -> None:
        """Cover what is there by one shape."""
        rng = self.rng
        centre = rng.uniform(-0.1 * BIG, 1.1 * BIG, 2)
        texture, large = self.textures[rng.integers(3)]
        paint = color(rng, texture)
        kind = rng.uniform()
        if kind < CURVES:
            width = int(rng.uniform(1, 7) * OVER)
            cv2.polylines(self.image, [bezier(rng, centre, radius)], False, paint, width)
        elif kind < TEXTS:
            self._text(centre, radius, paint)
        elif kind < STRIPES:
            self._stripes(centre, radius, paint, texture)
        elif kind < TEXTURES and radius > SEEN:
            self._textured(centre, radius, large)
        else:
            cv2.fillPoly(self.image, [outline(rng, centre, radius)], paint)

    def finished(self) -> Pixels:
        """The tile, (384, 384, 3) of uint8; most are a little out of focus."""
        blur = self.rng.uniform(0, 0.7) * OVER if self.rng.uniform() < 0.6 else 0
        image = cv2.GaussianBlur(self.image, (0, 0), blur) if blur > 0.3 else self.image
        return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)

    def _text(self, centre: Points, radius: float, paint: Color) -> None:
        rng = self.rng
        text = "".join(chr(code) for code in rng.integers(48, 122, size=rng.integers(1, 8)))
        place, font = tuple(map(int, centre)), int(rng.integers(8))
        thickness = max(1, int(radius / 15))
        cv2.putText(self.image, text, place, font, radius / 30 + 0.5, paint, thickness)

    def _stripes(self, centre: Points, radius: float, paint: Color, texture: Pixels) -> None:
        rng = self.rng
        found = self._part(outline(rng, centre, radius))
        if found is None:
            return
        part, mask, (top, left) = found
        y, x = np.mgrid[top : top + mask.shape[0], left : left + mask.shape[1]]
        turn, period = rng.uniform(0, np.pi), rng.uniform(3, 14) * OVER
        bend = rng.normal(0, 1 / BIG)
        curved = bend * (x - centre[0]) * (y - centre[1])
        phase = (x * np.cos(turn) + y * np.sin(turn) + curved) / period
        stripe = (phase % 1) < rng.uniform(0.3, 0.7)
        part[mask & stripe] = paint
        part[mask & ~stripe] = any_pixel(rng, texture)

    def _textured(self, centre: Points, radius: float, large: Pixels) -> None:
        found = self._part(outline(self.rng, centre, radius))
        if found is None:
            return
        part, mask, _ = found
        y, x = (int(self.rng.integers(0, BIG - side + 1)) for side in mask.shape)
        part[mask] = large[y : y + mask.shape[0], x : x + mask.shape[1]][mask]

    def _part(
        self, points: NDArray[np.int32]
    ) -> tuple[Pixels, NDArray[np.bool_], tuple[int, int]] | None:
        """The part of the image around an outline, which of its pixels are inside, and where it begins."""
        left, top = np.maximum(points.min(0), 0)
        right, bottom = np.minimum(points.max(0) + 1, BIG)
        if right <= left or bottom <= top:
            return None
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [points - [left, top]], 1)
        return self.image[top:bottom, left:right], mask.astype(bool), (int(top), int(left))


def leaves(seed: int, tiles: list[Path]) -> Pixels:
    """One tile, RGB; radii are evenly spread over their logarithm, and the large come first."""
    rng = np.random.default_rng(seed)
    canvas = Canvas(rng, [read_rgb(tiles[i]) for i in rng.integers(len(tiles), size=3)])
    least = rng.uniform(1.5, 6) * OVER * 2.5
    count = int(rng.uniform(120, 420))
    radii = np.exp(rng.uniform(np.log(least), np.log(LARGEST), count))
    for radius in np.sort(radii)[::-1]:
        canvas.add(float(radius))
    return canvas.finished()


def main(photos: Path, out: Path) -> None:
    """Make them all."""
    tiles = image_paths(photos)
    if not tiles:
        raise SystemExit(f"{photos} holds no images: name the folder of photographs")
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(COUNT):
        cv2.imwrite(str(out / f"yl_{seed:03d}.png"), leaves(seed, tiles)[..., ::-1])
    print(f"{COUNT} tiles in {out}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
