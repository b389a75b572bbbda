"""Teachers: finished networks whose images a network is trained towards, beside the true ones.

A small network cannot learn what only the true image knows; what a large one makes of the same small image it can.
Each teacher sees every training image once, before the first step, and whole. One of a larger scale than the recipe's
is reduced as any upscaling is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_sr.errors import NapariSRError, RecipeError
from napari_sr.inference import upscale
from napari_sr.models import list_models, load_model
from napari_sr.training._taught import (
    read_taught,
    taught_key,
    taught_path,
    taught_scale,
    write_taught,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sr.models import Model
    from napari_sr.training._dataset import TrainingData
    from napari_sr.training._recipe import Recipe

_WHOLE = 1 << 20
"""Small pixels up to which an image is enlarged at once."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """How far the teachers are."""

    done: int
    """Training images that they have enlarged."""
    total: int
    """Training images, reductions included."""


def load_teachers(recipe: Recipe) -> list[Model]:
    """The teachers of a recipe.

    Parameters
    ----------
    recipe : Recipe
        Its ``distillation.teachers`` are ids of the catalog or paths.

    Returns
    -------
    list of Model
        Each has the recipe's scale or a larger one; their weights have been read.

    Raises
    ------
    RecipeError
        If one cannot be had, or all its scales are below the recipe's.
    """
    return [_load(name, recipe) for name in recipe.distillation.teachers]


def teach(
    recipe: Recipe, data: TrainingData, folder: Path, device: str
) -> Generator[Lesson, None, None]:
    """Let the teachers enlarge every training image, and give them to the data as ``data.taught``.

    Parameters
    ----------
    recipe : Recipe
        With teachers.
    data : TrainingData
        To train on; changed in place.
    folder : Path
        Of the run: what was taught is kept there, unless the recipe names a file, and not computed again.
    device : str
        Where the teachers run.

    Yields
    ------
    Lesson
        Before the first and after every image; nothing where all was there already.

    Raises
    ------
    RecipeError
        If a teacher cannot be had, or what was taught cannot be kept.
    """
    teachers = load_teachers(recipe)
    key, path = taught_key(recipe, teachers, data.small), taught_path(recipe, folder)
    pixels = read_taught(path, key, data.large.pixels)
    if pixels is None:
        taught = data.large.with_pixels(torch.empty_like(data.large.pixels))
        yield Lesson(0, len(data.small))
        for i in range(len(data.small)):
            taught.image(i).copy_(_lesson(data.small.image(i), teachers, recipe, device))
            yield Lesson(i + 1, len(data.small))
        pixels = taught.pixels
        write_taught(path, key, pixels)
    data.taught = data.large.with_pixels(pixels)


def _load(name: str, recipe: Recipe) -> Model:
    scale, path = recipe.model.scale, recipe.resolve(name)
    known = name in {card.id for card in list_models()}
    try:
        model = load_model(path if path.is_file() and not known else name)
        if scale > max(model.scales):
            native = ", ".join(f"x{each}" for each in model.scales)
            raise RecipeError(f"distillation.teachers: {name} has {native}, the recipe x{scale}")
        model.network(taught_scale(model, scale))
    except RecipeError:
        raise
    except NapariSRError as error:
        raise RecipeError(f"distillation.teachers: {error}") from error
    return model


def _lesson(small: Tensor, teachers: list[Model], recipe: Recipe, device: str) -> Tensor:
    """Mean of what the teachers make of one image, both of shape (Y, X, C) and of the same type."""
    photograph = small.dtype == torch.uint8
    white = 255 if photograph else 1
    seen = (small.float() / white).numpy()
    answers = [_enlarge(seen, teacher, recipe, device) for teacher in teachers]
    mean = np.mean(answers, axis=0, dtype=np.float32).clip(0, 1) * white
    return torch.from_numpy(mean.round() if photograph else mean)


def _enlarge(
    image: NDArray[np.float32], teacher: Model, recipe: Recipe, device: str
) -> NDArray[np.float32]:
    """What one teacher makes of an image, shape (Y, X, C), values in [0, 1]; grey is three times grey for RGB."""
    grey = image.shape[2] == 1
    enlarged: NDArray[np.float32] = upscale(
        image[..., 0] if grey else image,
        recipe.model.scale,
        teacher,
        "YX" if grey else "YXS",
        device=device,
        precision=recipe.distillation.precision,
        tile=None if image.shape[0] * image.shape[1] <= _WHOLE else "auto",
        ensemble=recipe.distillation.ensemble,
        intensity_range=(0.0, 1.0),
    )
    return enlarged[..., None] if grey else enlarged
