"""Knowledge distillation: outputs of finished models ("teachers") as a second target beside the true images.

A small network cannot learn details that only the true image shows, but it can learn what a larger network makes of the
same low-resolution image. The teachers enlarge all training images once, before the first step. A teacher of a larger
scale is downscaled, as in any upscaling. The result is kept in a file, under a key of everything that it depends on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from napari_sr._files import atomic_path
from napari_sr._text import error_line
from napari_sr.errors import FileWriteError, NapariSRError, RecipeError
from napari_sr.inference import choose_native_scales, upscale
from napari_sr.models import load_model

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_sr.models import Model
    from napari_sr.training._dataset import TrainingData
    from napari_sr.training._pixels import PixelStore
    from napari_sr.training._recipe import Phase

_WHOLE_IMAGE_PIXELS = 1 << 20
"""Low-resolution pixels up to which an image is enlarged without tiles: it needs a few GiB of memory."""


@dataclass(frozen=True, slots=True)
class TeacherProgress:
    """Progress of the teachers."""

    done: int
    """Number of training images that they have enlarged."""
    total: int
    """Number of training images, including downscaled ones."""


def load_teachers(phase: Phase) -> list[Model]:
    """Load the teachers of a phase.

    Parameters
    ----------
    phase : Phase
        Its ``distillation.teachers`` are ids of the catalog or paths of checkpoints.

    Returns
    -------
    list of Model
        Each has the phase's scale or a larger one; its weights have been read.

    Raises
    ------
    RecipeError
        If one cannot be loaded, or has smaller scales only.
    """
    return [_load_teacher(name, phase.model.scale) for name in phase.distillation.teachers]


def add_teacher_targets(
    phase: Phase, data: TrainingData, folder: Path, device: str
) -> Generator[TeacherProgress, None, None]:
    """Let the teachers enlarge every training image, and set ``data.teacher`` to the mean of their outputs.

    Parameters
    ----------
    phase : Phase
        With teachers.
    data : TrainingData
        To train on; changed in place.
    folder : Path
        Of the run. The outputs are kept there, unless the recipe names a file, and not computed again.
    device : str
        Where the teachers run.

    Yields
    ------
    TeacherProgress
        Before the first and after every image; nothing if all outputs were kept from before.

    Raises
    ------
    RecipeError
        If a teacher cannot be loaded, or its outputs cannot be saved.
    """
    teachers = load_teachers(phase)
    key = cache_key(phase, teachers, data.small)
    path = cache_path(phase, folder, key)
    pixels = _read_cache(path, key, data.large.pixels)
    if pixels is None:
        targets = data.large.with_pixels(torch.empty_like(data.large.pixels))
        yield TeacherProgress(0, len(data.small))
        for i in range(len(data.small)):
            targets.image(i).copy_(_mean_output(data.small.image(i), teachers, phase, device))
            yield TeacherProgress(i + 1, len(data.small))
        pixels = targets.pixels
        _write_cache(path, key, pixels)
    data.teacher = data.large.with_pixels(pixels)


def cache_key(phase: Phase, teachers: Sequence[Model], small: PixelStore) -> str:
    """SHA-256 of everything that the teachers' outputs depend on.

    Parameters
    ----------
    phase : Phase
        Its scale, ``distillation.ensemble`` and ``distillation.precision`` matter.
    teachers : sequence of Model
        Their weights, value ranges and colors matter, not their names.
    small : PixelStore
        The low-resolution training images.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    facts = {
        "scale": phase.model.scale,
        "ensemble": phase.distillation.ensemble,
        "precision": phase.distillation.precision,
        "teachers": [_teacher_facts(teacher, phase.model.scale) for teacher in teachers],
        "sizes": [small.height.tolist(), small.width.tolist()],
        "type": str(small.pixels.dtype),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(small.pixels.numpy().data)
    return digest.hexdigest()


def cache_path(phase: Phase, folder: Path, key: str) -> Path:
    """File for the teachers' outputs: the recipe's ``distillation.cache``, or one in the folder of the run.

    Phases of a run that have the same teachers and images share a file there, since its name begins with the key.

    Raises
    ------
    RecipeError
        If nothing can be written there, before the teachers spend their time.
    """
    path = phase.distillation.cache or folder / f"teachers-{key[:12]}.safetensors"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error_line(error)
        raise RecipeError(f"distillation.cache: {path} cannot be written ({reason})") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise RecipeError(f"distillation.cache: {path} cannot be written; name another file")
    return path


def _read_cache(path: Path, key: str, like: Tensor) -> Tensor | None:
    """Pixels of a file; None if it does not exist, is damaged, or has another key, shape or type."""
    with contextlib.suppress(OSError, SafetensorError), safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("key") == key:
            pixels: Tensor = file.get_tensor("pixels")
            if pixels.shape == like.shape and pixels.dtype == like.dtype:
                return pixels
    return None


def _write_cache(path: Path, key: str, pixels: Tensor) -> None:
    try:
        with atomic_path(path) as beside:
            save_file({"pixels": pixels}, beside, metadata={"key": key})
    except (FileWriteError, SafetensorError) as error:
        raise RecipeError(f"distillation.cache: {error_line(error)}") from error


def _teacher_facts(teacher: Model, scale: int) -> list[Any]:
    card = teacher.card
    return [teacher.sha256(_native_scale(teacher, scale)) or card.id, card.value_range, card.color]


def _native_scale(teacher: Model, scale: int) -> int:
    """The native scale that a teacher is run at; one of its scales is at least the recipe's."""
    (native,) = choose_native_scales((scale, scale), teacher.scales)
    return native


def _load_teacher(name: str, scale: int) -> Model:
    try:
        model = load_model(name)
        if scale > max(model.scales):
            native = ", ".join(f"x{each}" for each in model.scales)
            raise RecipeError(f"distillation.teachers: {name} has {native}, the recipe x{scale}")
        model.network(_native_scale(model, scale))
    except RecipeError:
        raise
    except NapariSRError as error:
        raise RecipeError(f"distillation.teachers: {error}") from error
    return model


def _mean_output(small: Tensor, teachers: list[Model], phase: Phase, device: str) -> Tensor:
    """Mean of the teachers' outputs for one image, both of shape (Y, X, C) and of the same type."""
    eight_bit = small.dtype == torch.uint8
    white = 255 if eight_bit else 1
    image = (small.float() / white).numpy()
    outputs = [_enlarge(image, teacher, phase, device) for teacher in teachers]
    mean = np.mean(outputs, axis=0, dtype=np.float32).clip(0, 1) * white
    return torch.from_numpy(mean.round() if eight_bit else mean)


def _enlarge(
    image: NDArray[np.float32], teacher: Model, phase: Phase, device: str
) -> NDArray[np.float32]:
    """Output of one teacher for an image, shape (Y, X, C), values in [0, 1]."""
    grey = image.shape[2] == 1
    enlarged: NDArray[np.float32] = upscale(
        image[..., 0] if grey else image,
        phase.model.scale,
        teacher,
        "YX" if grey else "YXS",
        device=device,
        precision=phase.distillation.precision,
        tile=None if image.shape[0] * image.shape[1] <= _WHOLE_IMAGE_PIXELS else "auto",
        ensemble=phase.distillation.ensemble,
        intensity_range=(0.0, 1.0),
    )
    return enlarged[..., None] if grey else enlarged
