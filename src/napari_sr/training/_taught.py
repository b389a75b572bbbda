"""The file of what teachers made of the training images: computed once, used by every run that would get the same.

A key binds it to the teachers and to the small images, so that a file of others is not taken for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_sr.errors import RecipeError
from napari_sr.inference import choose_native_scales

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_sr.models import Model
    from napari_sr.training._pixels import PixelStore
    from napari_sr.training._recipe import Recipe

_NAME = "taught.safetensors"


def taught_path(recipe: Recipe, folder: Path) -> Path:
    """Where it is kept: the recipe's ``distillation.cache``, or in the folder of the run.

    Raises
    ------
    RecipeError
        If nothing can be written there: better now than when the teachers are done.
    """
    named = recipe.distillation.cache
    path = recipe.resolve(named) if named else folder / _NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(f"distillation.cache: {path} cannot be written ({error})") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise RecipeError(f"distillation.cache: {path} cannot be written; name another file")
    return path


def taught_key(recipe: Recipe, teachers: Sequence[Model], small: PixelStore) -> str:
    """What decides about every pixel, as one SHA-256.

    Parameters
    ----------
    recipe : Recipe
        Its scale, ``distillation.ensemble`` and ``distillation.precision`` count.
    teachers : sequence of Model
        Their weights, value ranges and colors count, not their names.
    small : PixelStore
        What the teachers see.

    Returns
    -------
    str
        Hexadecimal.
    """
    facts = {
        "scale": recipe.model.scale,
        "ensemble": recipe.distillation.ensemble,
        "teachers": [_facts(teacher, recipe.model.scale) for teacher in teachers],
        "sizes": [small.height.tolist(), small.width.tolist()],
        "type": str(small.pixels.dtype),
    }
    if recipe.distillation.precision != "float32":  # files from before it could be chosen stay good
        facts["precision"] = recipe.distillation.precision
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(small.pixels.numpy().data)
    return digest.hexdigest()


def taught_scale(teacher: Model, scale: int) -> int:
    """Native scale of a teacher that its images are made with; one of them is no smaller than the recipe's."""
    (native,) = choose_native_scales((scale, scale), teacher.scales)
    return native


def read_taught(path: Path, key: str, like: Tensor) -> Tensor | None:
    """Pixels of a file, or None if there is none, it is damaged, or of others.

    Parameters
    ----------
    path : Path
        From `taught_path`.
    key : str
        From `taught_key`.
    like : tensor
        Pixels of the same shape and type.
    """
    with contextlib.suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("key") == key:
            pixels: Tensor = file.get_tensor("pixels")
            if pixels.shape == like.shape and pixels.dtype == like.dtype:
                return pixels
    return None


def write_taught(path: Path, key: str, pixels: Tensor) -> None:
    """Write the file whole or not at all.

    Raises
    ------
    RecipeError
        If it cannot be written.
    """
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        save_file({"pixels": pixels}, part, metadata={"key": key})
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"{path}: what was taught cannot be written ({error})") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _facts(teacher: Model, scale: int) -> list[Any]:
    card = teacher.card
    return [teacher.sha256(taught_scale(teacher, scale)) or card.id, card.value_range, card.color]
