"""Pairs of small and large patches, drawn from a folder of images held in memory."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from napari_sr.errors import RecipeError
from napari_sr.imaging import bt601_luma, imresize, imresize_uint8
from napari_sr.training._degrade import Degradation
from napari_sr.training._pixels import Corners, PixelStore, most_detailed, random_corners
from napari_sr.training._team import ALONE, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.training._recipe import Color, Recipe, Stage

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Pair:
    """One image at both resolutions, float32 in [0, 1], shape (1, C, Y, X)."""

    small: Tensor
    large: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Patches of one step, float32 in [0, 1]."""

    small: Tensor
    """(N, C, p, p)."""
    large: Tensor
    """(N, C, s·p, s·p): the truth."""
    taught: Tensor | None = None
    """Likewise: what the teachers made of the small images, where there are teachers."""


class TrainingData:
    """A folder of images as small and large pixels.

    Parameters
    ----------
    images : sequence of arrays
        High-resolution images, (Y, X, 3) of uint8, or (Y, X) of any real type for ``grey``.
    scale : int
        Large pixels per small pixel.
    color : {"Y", "RGB", "grey"}
        What the network sees.
    degradation : Degradation, optional
        How small images come about; by MATLAB's bicubic if left out.
    evenly : bool
        Draw patches from all images alike, not as their room goes.

    Raises
    ------
    RecipeError
        If there are no images.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.generic]],
        scale: int,
        color: Color,
        degradation: Degradation | None = None,
        *,
        evenly: bool = False,
    ) -> None:
        if not images:
            raise RecipeError("there are no images to train on: data.train names an empty folder")
        self.scale, self.color, self.degradation = scale, color, degradation
        self.evenly = evenly
        pairs = _each(partial(_shrink, scale=scale, color=color), images)
        self.small = PixelStore([torch.from_numpy(small) for small, _ in pairs])
        self.large = PixelStore([torch.from_numpy(large) for _, large in pairs])
        self.taught: PixelStore | None = None

    @property
    def margin(self) -> int:
        """Small pixels drawn around a patch."""
        return self.degradation.margin if self.degradation else 0

    def check(self, stage: Stage) -> None:
        """See that the patches of a stage fit into every image.

        Raises
        ------
        RecipeError
            If they do not.
        """
        most = int(min(self.small.height.min(), self.small.width.min())) - 2 * self.margin
        if stage.patch > most:
            around = f" and {self.margin} around each" if self.margin else ""
            raise RecipeError(
                f"patches of {stage.patch} pixels{around} do not fit: the smallest image, at 1/{self.scale}, "
                f"has room for {max(most, 0)}; make patch smaller, or take out small reductions"
            )

    def draw(self, stage: Stage, generator: torch.Generator, team: Team = ALONE) -> Batch:
        """A batch of patches, or a process's share of it; each patch is the same place in all images."""
        margin = self.margin
        side = stage.patch + 2 * margin
        corners = self._corners(stage, side, generator)
        corners = corners.some(team.share(stage.batch))
        large = self._values(self.large.patches(corners, side, self.scale))
        if self.degradation is None:
            small, taught = self._values(self.small.patches(corners, side)), self.taught
            if taught is None:
                return Batch(small, large)
            return Batch(small, large, self._values(taught.patches(corners, side, self.scale)))
        small, large = self.degradation(large, team.own(generator))
        return Batch(_inner(small, margin), _inner(large, margin * self.scale))

    def to(self, device: torch.device) -> None:
        """Move the pixels to a GPU, from where batches are drawn in no time; no more of them than it has room for.

        What is degraded is drawn from main memory, for noise comes from there.
        """
        if device.type != "cuda" or self.degradation is not None:
            return
        with contextlib.suppress(torch.OutOfMemoryError):
            for name in ("small", "large", "taught"):
                store: PixelStore | None = getattr(self, name)
                if store is not None:
                    setattr(self, name, store.with_pixels(store.pixels.to(device)))

    def pairs(self) -> list[Pair]:
        """Every whole image, for validation; degraded, if they are, in the same way every time."""
        both = (
            [
                self._values(store.image(i).permute(2, 0, 1)[None])
                for store in (self.small, self.large)
            ]
            for i in range(len(self.small))
        )
        if self.degradation is None:
            return [Pair(small, large) for small, large in both]
        generator = torch.Generator().manual_seed(0)
        return [Pair(*self.degradation(large, generator)) for _, large in both]

    def _corners(self, stage: Stage, side: int, generator: torch.Generator) -> Corners:
        height, width = self.small.height, self.small.width
        drawn = stage.batch * stage.candidates
        corners = random_corners(height, width, drawn, side, generator, evenly=self.evenly)
        if stage.candidates == 1:
            return corners
        return most_detailed(self.small, corners, side, stage.candidates)

    def _values(self, pixels: Tensor) -> Tensor:
        values = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
        if self.color != "Y":
            return values
        luma = bt601_luma(values.permute(0, 2, 3, 1).cpu().numpy())
        return torch.from_numpy(luma)[:, None]


def read_images(folder: Path, color: Color) -> list[NDArray[np.generic]]:
    """Every image under a folder, sorted by path: RGB as uint8, grey scaled to [0, 1] by minimum and maximum.

    Raises
    ------
    RecipeError
        If the folder does not exist or an image cannot be read.
    """
    if not folder.is_dir():
        raise RecipeError(f"data.train: {folder} is not a folder; pass --data FOLDER")
    return _each(partial(_read, color=color), image_paths(folder))


def image_paths(folder: Path) -> list[Path]:
    """Images under a folder, subfolders included, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def held_out_places(count: int, wanted: int) -> set[int]:
    """Which of so many images, sorted by path, are held out: evenly spread, the first and the last among them.

    Parameters
    ----------
    count : int
        Images there are.
    wanted : int
        Images to hold out; no more than half of them are.
    """
    n_out = min(wanted, count // 2)
    return set(np.linspace(0, count - 1, n_out, dtype=int).tolist()) if n_out else set()


def load_data(recipe: Recipe) -> tuple[TrainingData, TrainingData]:
    """The training images of a recipe, and those held out for validation.

    Raises
    ------
    RecipeError
        If the images cannot be read, or are too small for the patches of any stage.
    """
    images = read_images(recipe.resolve(recipe.data.train), recipe.model.color)
    held = held_out_places(len(images), recipe.data.held_out)
    scale, color = recipe.model.scale, recipe.model.color
    degradation = Degradation(recipe.degradation, scale) if recipe.degradation.active else None
    whole = [im for i, im in enumerate(images) if i not in held]
    seen = _with_reductions(whole, recipe.data.reductions)
    train = TrainingData(seen, scale, color, degradation, evenly=recipe.data.evenly)
    for stage in recipe.stage:  # now, and not when its turn comes
        train.check(stage)
    # Without room for a split, the images themselves tell at least whether it learns.
    tests = [im for i, im in enumerate(images) if i in held] or images
    if recipe.data.reduce_held_out:
        tests = _with_reductions(tests, recipe.data.reductions)
    return train, TrainingData(tests, scale, color, degradation)


def _with_reductions(
    images: list[NDArray[np.generic]], factors: Iterable[float]
) -> list[NDArray[np.generic]]:
    """The images, then all of them at each size."""
    reduced = (_each(partial(_reduced, factor=factor), images) for factor in factors)
    return [*images, *chain.from_iterable(reduced)]


def _each(change: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What becomes of each, in order, on all processors: decoding and resizing leave Python's lock alone."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(change, items))


def _reduced(image: NDArray[np.generic], factor: float) -> NDArray[np.generic]:
    if image.dtype == np.uint8:
        return imresize_uint8(image.astype(np.uint8), factor)
    return imresize(image, factor).clip(0, 1).astype(image.dtype)


def _inner(images: Tensor, margin: int) -> Tensor:
    return images[..., margin:-margin, margin:-margin]


def _read(path: Path, color: Color) -> NDArray[np.generic]:
    flag = cv2.IMREAD_UNCHANGED if color == "grey" else cv2.IMREAD_COLOR
    image = cv2.imdecode(np.fromfile(path, np.uint8), flag)
    if image is None:
        raise RecipeError(f"{path}: cannot be read as an image; remove it from the folder")
    if color != "grey":
        return np.ascontiguousarray(image[..., ::-1])
    grey = image if image.ndim == 2 else image[..., :3].mean(axis=2)
    low, high = float(grey.min()), float(grey.max())
    return ((grey - low) / max(high - low, 1e-9)).astype(np.float32)


def _shrink(
    image: NDArray[np.generic], scale: int, color: Color
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Small and large image, (Y, X, C), the large one cut to a multiple of the scale."""
    h, w = (n // scale * scale for n in image.shape[:2])
    large = np.ascontiguousarray(image[:h, :w])
    if color == "grey":
        small = imresize(large, 1 / scale).clip(0, 1).astype(np.float32)
        return small[..., None], large[..., None]
    return imresize_uint8(large.astype(np.uint8), 1 / scale), large
