"""Fine-tuning data: the user's image as the network will see it, split into tiles for training, validation and test.

Each tile is downscaled by itself, so that held-out tiles share no pixel with the others. A downscaled image is sharper
per pixel than the image was, and a network that sees nothing else sharpens too much. Therefore each tile exists a
second time, blurred before it is downscaled.
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
from napari_sr.imaging import (
    SpatialImage,
    axes_from_labels,
    bt601_luma,
    imresize,
    parse_axes,
    to_unit,
)
from napari_sr.inference import ImageStack, measure_ranges
from napari_sr.training._dataset import Pair, read_images
from napari_sr.training._pixels import PixelStore, random_corners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sr.imaging import Axes
    from napari_sr.training._pixels import Corners
    from napari_sr.training._recipe import Color

    Plane = NDArray[np.float32]

_TILE_SIDES = (192, 144, 96, 72, 48)
"""Sides of tiles in large pixels; the first that gives enough of them is used. Large tiles waste less at borders."""
_ENOUGH_TILES, _MIN_TILES = 24, 8
"""Tiles at which no smaller side is tried, and tiles without which nothing can be held out: 4 of 8 train."""
_MIN_SMALL_SIDE = 16
"""Side of the smallest tile in small pixels: strided attention needs 15."""
_MAX_PIXELS = 16_000_000
"""Pixels that are read at most: more than a few minutes of training use, and 64 MB as float32."""
_MAX_SIDE = 4000
"""Side beyond which only the center of a plane is used, so that a few planes fit in `_MAX_PIXELS`."""
_BLUR = (0.2, 0.6)
"""Standard deviations of the Gaussians that blur tiles, in small pixels: from hardly visible to nearly the blur of an
image that is sampled at the Nyquist rate (0.85: a full width at half maximum of two pixels)."""
_FLAT = 0.004
"""Standard deviation, white = 1, below which a tile has nothing to learn from: one gray level of 8 bits."""
_HELD_OUT = 6
"""Each sixth tile is for validation, and as many are for the test."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The tiles of an image, split for training, validation and test."""

    small: PixelStore
    large: PixelStore
    scale: int
    validation: list[Pair]
    """Decide which weights are best."""
    test: list[Pair]
    """Measured once, at the end."""

    def draw(self, batch: int, patch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random patches at both resolutions; ``patch`` small pixels a side, or as many as a tile has."""
        corners, side = _corners(self.small, batch, patch, generator)
        return self.small.patches(corners, side), self.large.patches(corners, side, self.scale)

    def draw_large(self, batch: int, patch: int, generator: torch.Generator) -> Tensor:
        """Random patches of the image itself; ``patch`` large pixels a side, or as many as a tile has."""
        corners, side = _corners(self.large, batch, patch, generator)
        return self.large.patches(corners, side)


def extract_planes(image: Any, color: Color, axes: str | None = None) -> list[Plane]:
    """Planes of what a user gives, shape (Y, X, C), with intensities mapped to [0, 1] as for upscaling.

    Parameters
    ----------
    image : array, sequence of arrays, SpatialImage, napari layer, or path of a folder of images
        As for `fine_tune`.
    color : {"Y", "RGB", "grey"}
        What the network sees.
    axes : str, optional
        Of arrays, as for `napari_sr.upscale`.

    Raises
    ------
    InputError
        If it contains no image that can be used.
    """
    if isinstance(image, (str, Path)):
        images = read_images(Path(image).expanduser(), "grey" if color == "grey" else "RGB")
        return [plane for each in images for plane in _planes(each, None, color)]
    if isinstance(image, (list, tuple)) and all(map(_is_image, image)):
        pairs = [_with_axes(each, axes) for each in image]
    else:
        pairs = [_with_axes(image, axes)]
    return [plane for each, letters in pairs for plane in _planes(each, letters, color)]


def split_tiles(planes: Iterable[Plane], scale: int, seed: int = 0) -> tuple[Tiles, Tiles]:
    """Cut planes into tiles and split them for training, validation and test.

    Parameters
    ----------
    planes : iterable of arrays, shape (Y, X, C)
        From `extract_planes`.
    scale : int
        Large pixels per small pixel.
    seed : int
        Of the order of the tiles and of their blur.

    Returns
    -------
    tiles, blurred : Tiles
        The tiles as they are, and the same tiles blurred; both are split in the same way.

    Raises
    ------
    InputError
        If there are too few tiles that are not flat.
    """
    planes = list(planes)
    sides = [s for s in (s - s % scale for s in _TILE_SIDES) if s // scale >= _MIN_SMALL_SIDE]
    tiles: list[Plane] = []
    for side in sides:
        tiles = [tile for plane in planes for tile in _tiles(plane, side) if tile.std() > _FLAT]
        if len(tiles) >= _ENOUGH_TILES:
            break
    if len(tiles) < _MIN_TILES:
        least = math.ceil(math.sqrt(_MIN_TILES)) * sides[-1]
        raise InputError(
            f"too little to learn from: give at least {least} x {least} pixels that are not flat, or more images"
        )
    chance = random.Random(seed)
    chance.shuffle(tiles)
    blurred = [_blurred(tile, chance.uniform(*_BLUR) * scale) for tile in tiles]
    return _split(tiles, scale), _split(blurred, scale)


def _with_axes(image: Any, axes: str | None) -> tuple[Any, str | None]:
    """An array and its axes: those of an image that has some, else the given ones."""
    if isinstance(image, tuple) and len(image) == 2 and hasattr(image[0], "shape"):
        return image
    if isinstance(image, SpatialImage):
        return image.data, axes or image.axes
    if hasattr(image, "axis_labels") and hasattr(image, "rgb"):  # a napari image layer
        data = image.data[0] if getattr(image, "multiscale", False) else image.data
        return data, axes or axes_from_labels(tuple(image.axis_labels), rgb=bool(image.rgb))
    return image, axes


def _corners(
    store: PixelStore, batch: int, patch: int, generator: torch.Generator
) -> tuple[Corners, int]:
    """Corners of patches and their side, which is no larger than a tile."""
    side = min(patch, int(store.height.min()), int(store.width.min()))
    return random_corners(store.height, store.width, batch, side, generator), side


def _split(tiles: list[Plane], scale: int) -> Tiles:
    held = max(2, len(tiles) // _HELD_OUT)
    pairs = [(_downscaled(tile, scale), tile) for tile in tiles]
    stores = [[torch.from_numpy(each) for each in column] for column in zip(*pairs, strict=True)]
    small, large = (PixelStore(column[2 * held :]) for column in stores)
    held_out = [_pair(*each) for each in pairs[: 2 * held]]
    return Tiles(small, large, scale, held_out[:held], held_out[held:])


def _blurred(tile: Plane, sigma: float) -> Plane:
    blurred = cv2.GaussianBlur(tile, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    # OpenCV drops a single channel.
    return blurred.reshape(tile.shape).astype(np.float32, copy=False)


def _is_image(each: Any) -> bool:
    """Whether an item of a list is an image, or an array and its axes; a row of numbers is neither."""
    item = each[0] if isinstance(each, tuple) and len(each) == 2 else each
    return hasattr(item, "shape") or hasattr(item, "data")


def _planes(image: Any, axes: str | None, color: Color) -> Iterator[Plane]:
    given = image if hasattr(image, "shape") else np.asanyarray(image)
    array = _limited(given, parse_axes(axes, given.shape))
    parsed = parse_axes(axes, array.shape)
    frames = ImageStack(array, parsed)
    ranges = measure_ranges(frames.by_channel(parsed.channels), parsed, array.dtype)
    most = max(1, _MAX_PIXELS // max(1, parsed.size[0] * parsed.size[1]))
    for frame in np.unique(np.linspace(0, len(frames) - 1, most, dtype=int)):
        samples = frames.read(int(frame), *frames.bounds)[: parsed.colors]
        low, high = (
            each[frames.channel(int(frame)), : parsed.colors, None, None]
            for each in (ranges.low, ranges.high)
        )
        yield from _network_views(_to_unit(samples, low, high), color)


def _limited(image: Any, axes: Axes) -> NDArray[Any]:
    """The center of large planes and a regular choice of many; no more of a lazy image is read."""
    key, room = [slice(None)] * len(axes.shape), _MAX_PIXELS
    for axis in (axes.y, axes.x):
        length = min(axes.shape[axis], _MAX_SIDE)
        start = (axes.shape[axis] - length) // 2
        key[axis] = slice(start, start + length)
        room //= max(1, length)
    for axis in axes.stack:
        if axes.letters[axis] != "C":
            step = math.ceil(axes.shape[axis] / max(1, room))
            key[axis] = slice(None, None, step)
            room //= max(1, math.ceil(axes.shape[axis] / step))
    return np.asarray(image[tuple(key)])


def _to_unit(samples: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> Plane:
    values = samples.astype(np.float64)
    if not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, low)
    return to_unit(values, low, high)[0].transpose(1, 2, 0).astype(np.float32)


def _network_views(unit: Plane, color: Color) -> Iterator[Plane]:
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


def _downscaled(tile: Plane, scale: int) -> Plane:
    return imresize(tile, 1 / scale).clip(0, 1).astype(np.float32)


def _pair(small: Plane, large: Plane) -> Pair:
    first, second = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in (small, large))
    return Pair(first.contiguous(), second.contiguous())
