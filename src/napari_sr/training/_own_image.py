"""A user's own image as training data: planes as the network will see them, cut into tiles of which some are held out.

A tile is made smaller by itself, so that nothing of a held-out tile is in any other. Made smaller, an image is sharper
from pixel to pixel than it was, and a network that sees nothing else sharpens too much. Hence the tiles are there a
second time, softened before they are made smaller.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from napari_sr.errors import InputError
from napari_sr.imaging import bt601_luma, imresize, parse_axes, to_unit
from napari_sr.inference import ImageStack, measure_ranges
from napari_sr.training._dataset import Pair, read_images
from napari_sr.training._pixels import PixelStore, random_corners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sr.imaging import Axes
    from napari_sr.models._card import Color
    from napari_sr.training._pixels import Corners

    Plane = NDArray[np.float32]

_SIDES = (192, 144, 96, 72, 48)
"""Sides of tiles in large pixels, the first that gives enough of them."""
_ENOUGH, _LEAST = 24, 8
_LEAST_SMALL = 16
"""Side of the smallest tile in small pixels; attention with strides needs 15."""
_MOST_PIXELS = 16_000_000
_LONGEST = 4000
"""Sides beyond which only the middle of a plane is used."""
_SOFTNESS = (0.2, 0.6)
"""Standard deviations, in small pixels, of the Gaussians that soften tiles."""
_FLAT = 0.004
"""Standard deviation, where white is 1, below which a tile has nothing to learn from."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """An image's tiles: for training, for choosing when to stop, and for telling what it gained."""

    small: PixelStore
    large: PixelStore
    scale: int
    choose: list[Pair]
    """Tell which weights are best."""
    test: list[Pair]
    """Looked at once, at the end."""

    def draw(self, batch: int, patch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Patches at both sizes, turned and flipped; ``patch`` small pixels a side, or as many as a tile has."""
        corners, side = _draw(self.small, batch, patch, generator)
        return self.small.patches(corners, side), self.large.patches(corners, side, self.scale)

    def draw_large(self, batch: int, patch: int, generator: torch.Generator) -> Tensor:
        """Patches of the image as it is, likewise; ``patch`` large pixels a side."""
        corners, side = _draw(self.large, batch, patch, generator)
        return self.large.patches(corners, side)


def planes_of(source: Any, color: Color, axes: str | None = None) -> list[Plane]:
    """Planes of what a user gives, shape (Y, X, C), values in [0, 1] as the engine maps them.

    Parameters
    ----------
    source : array, sequence of arrays, napari layer, or path of a folder of images
        As for `fine_tune`.
    color : {"Y", "RGB", "grey"}
        What the network sees.
    axes : str, optional
        Of arrays, as for `napari_sr.upscale`.

    Raises
    ------
    InputError
        If it holds no image that can be used.
    """
    if isinstance(source, (str, Path)):
        images = read_images(Path(source).expanduser(), "grey" if color == "grey" else "RGB")
        return [plane for image in images for plane in _planes(image, None, color)]
    if isinstance(source, (list, tuple)) and all(map(_is_image, source)):
        pairs = (each if isinstance(each, tuple) else (each, axes) for each in source)
        return [plane for image, letters in pairs for plane in _planes(image, letters, color)]
    if hasattr(source, "rgb") and hasattr(source, "data"):
        level = source.data[0] if getattr(source, "multiscale", False) else source.data
        letters = "TCZYX"[-(level.ndim - bool(source.rgb)) :] + "S" * bool(source.rgb)
        return list(_planes(level, axes or letters, color))
    return list(_planes(source, axes, color))


def cut(planes: Iterable[Plane], scale: int, seed: int = 0) -> tuple[Tiles, Tiles]:
    """Cut planes into tiles and hold some out: every sixth to choose by, and as many to test on.

    Returns
    -------
    as they are, softened : Tiles
        The same tiles, held out in the same way.

    Raises
    ------
    InputError
        If there is too little that is not flat.
    """
    some = list(planes)
    sides = [side for side in (s - s % scale for s in _SIDES) if side // scale >= _LEAST_SMALL]
    tiles: list[Plane] = []
    for side in sides:
        tiles = [tile for plane in some for tile in _tiles(plane, side) if tile.std() > _FLAT]
        if len(tiles) >= _ENOUGH:
            break
    if len(tiles) < _LEAST:
        least = math.ceil(math.sqrt(_LEAST)) * sides[-1]
        raise InputError(
            f"too little to learn from: give at least {least} x {least} pixels that are not flat, or more images"
        )
    chance = random.Random(seed)
    chance.shuffle(tiles)
    soft = [_softened(tile, chance.uniform(*_SOFTNESS) * scale) for tile in tiles]
    return _held_out(tiles, scale), _held_out(soft, scale)


def _draw(
    store: PixelStore, batch: int, patch: int, generator: torch.Generator
) -> tuple[Corners, int]:
    """Corners of patches, and their side: as asked for, or as much as a tile has."""
    side = min(patch, int(store.height.min()), int(store.width.min()))
    return random_corners(store.height, store.width, batch, side, generator), side


def _held_out(tiles: list[Plane], scale: int) -> Tiles:
    held = max(2, len(tiles) // 6)
    pairs = [(_smaller(tile, scale), tile) for tile in tiles]
    stores = [[torch.from_numpy(each) for each in column] for column in zip(*pairs, strict=True)]
    small, large = (PixelStore(column[2 * held :]) for column in stores)
    held_out = [_pair(*each) for each in pairs[: 2 * held]]
    return Tiles(small, large, scale, held_out[:held], held_out[held:])


def _softened(tile: Plane, sigma: float) -> Plane:
    soft = cv2.GaussianBlur(tile, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    # OpenCV drops a single channel
    return soft.reshape(tile.shape).astype(np.float32, copy=False)


def _is_image(each: Any) -> bool:
    """Whether something is an array, or an array and its axes; a row of numbers is neither."""
    return hasattr(each[0] if isinstance(each, tuple) and len(each) == 2 else each, "shape")


def _planes(image: Any, axes: str | None, color: Color) -> Iterator[Plane]:
    given = image if hasattr(image, "shape") else np.asanyarray(image)
    array = _enough_of(given, parse_axes(axes, given.shape))
    parsed = parse_axes(axes, array.shape)
    frames = ImageStack(array, parsed)
    ranges = measure_ranges(frames.by_channel(parsed.channels), parsed, array.dtype)
    most = max(1, _MOST_PIXELS // max(1, parsed.size[0] * parsed.size[1]))
    for frame in np.unique(np.linspace(0, len(frames) - 1, most, dtype=int)):
        samples = frames.read(int(frame), *frames.bounds)[: parsed.colors]
        ends = (
            each[frames.channel(int(frame)), : parsed.colors, None, None]
            for each in (ranges.low, ranges.high)
        )
        yield from _seen(_unit(samples, *ends), color)


def _enough_of(image: Any, axes: Axes) -> NDArray[Any]:
    """The middle of large planes, and evenly spread ones of many: nothing more is read of a lazy image."""
    key, room = [slice(None)] * len(axes.shape), _MOST_PIXELS
    for axis in (axes.y, axes.x):
        length = min(axes.shape[axis], _LONGEST)
        start = (axes.shape[axis] - length) // 2
        key[axis] = slice(start, start + length)
        room //= max(1, length)
    for axis in axes.stack:
        if axes.letters[axis] != "C":
            step = math.ceil(axes.shape[axis] / max(1, room))
            key[axis] = slice(None, None, step)
            room //= max(1, math.ceil(axes.shape[axis] / step))
    return np.asarray(image[tuple(key)])


def _unit(samples: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> Plane:
    values = samples.astype(np.float64)
    if not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, low)
    return to_unit(values, low, high)[0].transpose(1, 2, 0).astype(np.float32)


def _seen(unit: Plane, color: Color) -> Iterator[Plane]:
    """What a network sees of an image with one or three samples, shape (Y, X, samples)."""
    if color == "RGB":
        yield np.broadcast_to(unit, (*unit.shape[:2], 3))
    elif unit.shape[2] == 1:
        yield unit
    elif color == "Y":
        yield bt601_luma(unit)[..., None].astype(np.float32)
    else:
        yield from np.split(unit, 3, axis=2)


def _tiles(plane: Plane, side: int) -> Iterator[Plane]:
    height, width = plane.shape[:2]
    for y in range(0, height - side + 1, side):
        for x in range(0, width - side + 1, side):
            yield np.ascontiguousarray(plane[y : y + side, x : x + side])


def _smaller(tile: Plane, scale: int) -> Plane:
    return imresize(tile, 1 / scale).clip(0, 1).astype(np.float32)


def _pair(small: Plane, large: Plane) -> Pair:
    first, second = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (small, large))
    return Pair(first.contiguous(), second.contiguous())
