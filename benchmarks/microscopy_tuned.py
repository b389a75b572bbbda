"""Fine-tuning, measured on reduced images and on held-out tiles of the images themselves.

The column `fine-tuned` is a model that was trained on the small image that it enlarges. If fine-tuning finds nothing
better the base is kept, as for users, and the column contains the PSNR of the base.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr import evaluate, fine_tune
from napari_sr.errors import InputError
from napari_sr.evaluation import PROTOCOLS, cut_and_shrink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_sr.models import Model
    from napari_sr.training import FineTuned

HOME = "NAPARI_SR_HOME"
"""Environment variable with the folder of the user's models."""


def tuned(
    images: dict[str, NDArray[Any]], scale: int, base: Model, count: int, minutes: float
) -> tuple[dict[str, float], list[str]]:
    """PSNR of some images, evenly spread, each by a model that was fine-tuned on it.

    Parameters
    ----------
    images : mapping of name to array, shape (Y, X)
        Originals; the model is trained on the small image only.
    scale : int
        Original pixels per pixel of the small image.
    base : Model
        Model that is fine-tuned.
    count : int
        Number of images.
    minutes : float
        Duration for each.

    Returns
    -------
    column : dict of name to PSNR
        Without images that are too small to train on.
    remarks : list of str
        Result of fine-tuning on its own held-out tiles, or why it was not possible.
    """
    column, remarks = {}, []
    for name in _some(images, count):
        try:
            column[name], remark = _one(name, images[name], scale, base, minutes)
        except InputError as error:
            remark = str(error)
        remarks.append(f"- fine-tuned on {name}: {remark}")
        print(remarks[-1], file=sys.stderr, flush=True)
    return column, remarks


def held_out(
    images: dict[str, NDArray[Any]], scale: int, base: Model, count: int, minutes: float
) -> dict[str, FineTuned]:
    """Gain, on held-out tiles, of models that are fine-tuned on the images themselves, as by users.

    Parameters
    ----------
    images, scale, base, count, minutes
        As for `tuned`.

    Returns
    -------
    dict of name to FineTuned
        Without images that are too small to train on.
    """
    results = {}
    for name in _some(images, count):
        with _own_catalog(), suppress(InputError):
            results[name] = fine_tune(images[name], scale, base, minutes)
            print(f"x{scale} {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def _some(images: dict[str, NDArray[Any]], count: int) -> list[str]:
    """Names of some images, evenly spread."""
    names = list(images)
    some = {int(at) for at in np.linspace(0, len(names) - 1, min(count, len(names)))}
    return [names[at] for at in sorted(some)]


def _one(
    name: str, image: NDArray[Any], scale: int, base: Model, minutes: float
) -> tuple[float, str]:
    _, small = cut_and_shrink(image, scale, PROTOCOLS["grey"])
    with _own_catalog():
        result = fine_tune(small, scale, base, minutes)
        model = base if result.card is None else result.card.id
        return evaluate(model, {name: image}, scale, protocol="grey").psnr, str(result)


@contextmanager
def _own_catalog() -> Iterator[None]:
    """A temporary folder of models: those of this table are not added to the user's."""
    before = os.environ.get(HOME)
    with tempfile.TemporaryDirectory() as home:
        os.environ[HOME] = home
        try:
            yield
        finally:
            os.environ.pop(HOME)
            if before is not None:
                os.environ[HOME] = before
