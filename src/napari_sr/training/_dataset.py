"""Training data: a folder of images in memory, from which pairs of low- and high-resolution patches are drawn.

"Small" is the low-resolution image that a network sees, "large" the high-resolution image that it should produce.
"""

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.training._recipe import Color, Phase, Stage

T = TypeVar("T")
R = TypeVar("R")

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Files of a folder that are taken as images: formats that OpenCV decodes."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One image at both resolutions, float32 in [0, 1], shape (1, C, Y, X)."""

    small: Tensor
    large: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Patches of one step, float32 in [0, 1]."""

    small: Tensor
    """Shape (N, C, p, p)."""
    large: Tensor
    """Shape (N, C, s·p, s·p): the true images."""
    teacher: Tensor | None = None
    """Shape (N, C, s·p, s·p): what the teachers make of the small images, if there are teachers."""
    teacher_small: Tensor | None = None
    """Shape (N, C, p, p): reductions of ``teacher``, if pairs of the teachers' outputs are wanted."""

    def mixed(self, share: float) -> Batch:
        """Pairs that are mixtures of the true pairs and of the teachers' pairs.

        Reduction is linear, so the reduction of a mixture is the mixture of the reductions.

        Parameters
        ----------
        share : float
            Of the true pairs, between 0 and 1.

        Returns
        -------
        Batch
            Without teachers' outputs.

        Raises
        ------
        ValueError
            If the batch has no pairs of the teachers' outputs.
        """
        if self.teacher is None or self.teacher_small is None:
            raise ValueError("this batch has no pairs of the teachers' outputs")
        return Batch(
            torch.lerp(self.teacher_small, self.small, share),
            torch.lerp(self.teacher, self.large, share),
        )


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
        How small images are made. Left out: MATLAB's bicubic downscaling.
    balanced : bool
        Draw patches from all images equally often, instead of in proportion to their size.

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
        balanced: bool = False,
    ) -> None:
        if not images:
            raise RecipeError("there are no images to train on: data.train names an empty folder")
        self.scale, self.color, self.degradation = scale, color, degradation
        self.balanced = balanced
        pairs = _map(partial(_downscale_pair, scale=scale, color=color), images)
        self.small = PixelStore([torch.from_numpy(small) for small, _ in pairs])
        self.large = PixelStore([torch.from_numpy(large) for _, large in pairs])
        self.teacher: PixelStore | None = None
        self.teacher_small: PixelStore | None = None

    @property
    def margin(self) -> int:
        """Small pixels around a patch that its degradation needs."""
        return self.degradation.margin if self.degradation else 0

    def check(self, stage: Stage) -> None:
        """Check that the patches of a stage fit into every image.

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
                f"has room for {max(most, 0)}; make patch smaller, or remove small downscale_augmentations"
            )

    def draw(self, stage: Stage, generator: torch.Generator) -> Batch:
        """Draw a batch of random patches; each is the same place in the small, large and teachers' image."""
        margin = self.margin
        side = stage.patch + 2 * margin
        corners = self._corners(stage, side, generator)
        large = self._values(self.large.patches(corners, side, self.scale))
        if self.degradation is None:
            small, teacher = self._values(self.small.patches(corners, side)), self.teacher
            if teacher is None:
                return Batch(small, large)
            reduced = self.teacher_small
            return Batch(
                small,
                large,
                self._values(teacher.patches(corners, side, self.scale)),
                None if reduced is None else self._values(reduced.patches(corners, side)),
            )
        small, large = self.degradation(large, generator)
        return Batch(_without_margin(small, margin), _without_margin(large, margin * self.scale))

    def reduce_teacher_targets(self) -> None:
        """Make the small images that belong to the teachers' outputs.

        Raises
        ------
        ValueError
            If there are no teachers' outputs.
        """
        if self.teacher is None:
            raise ValueError("there are no teachers' outputs to reduce")
        images = [self.teacher.image(i).numpy() for i in range(len(self.teacher))]
        if self.color == "grey":
            images = [image[..., 0] for image in images]
        pairs = _map(partial(_downscale_pair, scale=self.scale, color=self.color), images)
        self.teacher_small = PixelStore([torch.from_numpy(small) for small, _ in pairs])

    def to(self, device: torch.device) -> None:
        """Move the pixels to a GPU, as far as they fit, so that drawing a batch takes no time.

        Images that are degraded stay in main memory, where their noise is drawn.
        """
        if device.type != "cuda" or self.degradation is not None:
            return
        with contextlib.suppress(torch.OutOfMemoryError):
            for name in ("small", "large", "teacher", "teacher_small"):
                store: PixelStore | None = getattr(self, name)
                if store is not None:
                    setattr(self, name, store.with_pixels(store.pixels.to(device)))

    def pairs(self) -> list[Pair]:
        """All whole images, for validation; the same random degradation is applied at each call."""
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
        drawn = stage.batch * stage.detail_candidates
        corners = random_corners(height, width, drawn, side, generator, balanced=self.balanced)
        if stage.detail_candidates == 1:
            return corners
        return most_detailed(self.small, corners, side, stage.detail_candidates)

    def _values(self, pixels: Tensor) -> Tensor:
        values = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
        if self.color != "Y":
            return values
        luma = bt601_luma(values.permute(0, 2, 3, 1).cpu().numpy())
        return torch.from_numpy(luma)[:, None]


def read_images(folder: Path, color: Color) -> list[NDArray[np.generic]]:
    """Read every image under a folder, sorted by path.

    Parameters
    ----------
    folder : Path
        Searched recursively.
    color : {"Y", "RGB", "grey"}
        For ``grey``, images are scaled to [0, 1] by their minimum and maximum.

    Returns
    -------
    list of arrays
        (Y, X, 3) of uint8, or (Y, X) of float32 for ``grey``.

    Raises
    ------
    RecipeError
        If the folder does not exist or an image cannot be read.
    """
    if not folder.is_dir():
        raise RecipeError(f"data.train: {folder} is not a folder; pass --data FOLDER")
    return _map(partial(_read, color=color), image_paths(folder))


def image_paths(folder: Path) -> list[Path]:
    """Paths of the images under a folder and its subfolders, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def held_out_indices(count: int, wanted: int) -> set[int]:
    """Indices of the images that are held out: evenly spread, the first and the last among them.

    Parameters
    ----------
    count : int
        Number of images, sorted by path.
    wanted : int
        Number of images to hold out; at most half of them are.
    """
    n_out = min(wanted, count // 2)
    return set(np.linspace(0, count - 1, n_out, dtype=int).tolist()) if n_out else set()


def load_data(phase: Phase) -> tuple[TrainingData, TrainingData]:
    """Read the images of a phase.

    Parameters
    ----------
    phase : Phase
        Its ``data``, ``model`` and ``degradation`` matter, and the patches of its stages.

    Returns
    -------
    train, held_out : TrainingData
        Images to train on and to validate on.

    Raises
    ------
    RecipeError
        If the images cannot be read, or are too small for the patches of any stage.
    """
    images = read_images(phase.data.train, phase.model.color)
    held = held_out_indices(len(images), phase.data.held_out)
    scale, color = phase.model.scale, phase.model.color
    degradation = Degradation(phase.degradation, scale) if phase.degradation.active else None
    factors = phase.data.downscale_augmentations
    train = TrainingData(
        _with_downscaled([im for i, im in enumerate(images) if i not in held], factors),
        scale,
        color,
        degradation,
        balanced=phase.data.balanced_sampling,
    )
    for stage in phase.stage:  # all of them, before the first one starts
        train.check(stage)
    # Without held-out images, validation on the training images shows at least whether the network learns.
    tests = [im for i, im in enumerate(images) if i in held] or images
    if phase.data.augment_held_out:
        tests = _with_downscaled(tests, factors)
    return train, TrainingData(tests, scale, color, degradation)


def _with_downscaled(
    images: list[NDArray[np.generic]], factors: Iterable[float]
) -> list[NDArray[np.generic]]:
    """The images, followed by all of them at each smaller size."""
    smaller = (_map(partial(_downscaled, factor=factor), images) for factor in factors)
    return [*images, *chain.from_iterable(smaller)]


def _map(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Apply a function in several threads; decoding and resizing release the interpreter lock."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, items))


def _downscaled(image: NDArray[np.generic], factor: float) -> NDArray[np.generic]:
    if image.dtype == np.uint8:
        return imresize_uint8(image.astype(np.uint8), factor)
    return imresize(image, factor).clip(0, 1).astype(image.dtype)


def _without_margin(images: Tensor, margin: int) -> Tensor:
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


def _downscale_pair(
    image: NDArray[np.generic], scale: int, color: Color
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Small and large image, (Y, X, C); the large one is cropped to a multiple of the scale."""
    h, w = (n // scale * scale for n in image.shape[:2])
    large = np.ascontiguousarray(image[:h, :w])
    if color == "grey":
        small = imresize(large, 1 / scale).clip(0, 1).astype(np.float32)
        return small[..., None], large[..., None]
    return imresize_uint8(large.astype(np.uint8), 1 / scale), large
