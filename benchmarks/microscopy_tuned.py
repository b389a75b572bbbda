"""Fine-tuning, judged twice: by an image that was made smaller, and by held-out tiles of the image itself.

The column `fine-tuned` is a model that learnt from the very small image that it enlarges. Where fine-tuning finds
nothing better the base is kept, as for users; its figure stands in the column then.
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
from napari_sr.evaluation import cut_and_shrink
from napari_sr.evaluation._protocol import GREY
from napari_sr.models._catalog import HOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_sr.models import Model
    from napari_sr.training import FineTuned


def tuned(
    images: dict[str, NDArray[Any]], scale: int, base: Model, count: int, minutes: float
) -> tuple[dict[str, float], list[str]]:
    """PSNR of some images, evenly spread, each by a model of its own.

    Parameters
    ----------
    images : mapping of name to array, shape (Y, X)
        Originals; the model learns from the small image only.
    scale : int
        Original pixels per pixel of the small image.
    base : Model
        Where it begins.
    count : int
        How many images.
    minutes : float
        For each.

    Returns
    -------
    column : dict of name to PSNR
        Without images that are too small to learn from.
    remarks : list of str
        What fine-tuning says of its own held-out tiles, or why it could not be.
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
    """What models gain that learn from the images themselves, as a user's would, on tiles that they never saw.

    Parameters
    ----------
    images, scale, base, count, minutes
        As for `tuned`.

    Returns
    -------
    dict of name to FineTuned
        Without images that are too small to learn from.
    """
    results = {}
    for name in _some(images, count):
        with _own_catalog(), suppress(InputError):
            results[name] = fine_tune(images[name], scale, base, minutes)
            print(f"x{scale} {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def _some(images: dict[str, NDArray[Any]], count: int) -> list[str]:
    """Names of so many images, evenly spread."""
    names = list(images)
    some = {int(at) for at in np.linspace(0, len(names) - 1, min(count, len(names)))}
    return [names[at] for at in sorted(some)]


def _one(
    name: str, image: NDArray[Any], scale: int, base: Model, minutes: float
) -> tuple[float, str]:
    _, small = cut_and_shrink(image, scale, GREY)
    with _own_catalog():
        result = fine_tune(small, scale, base, minutes)
        model = base if result.card is None else result.card.id
        return evaluate(model, {name: image}, scale, protocol="grey").psnr, str(result)


@contextmanager
def _own_catalog() -> Iterator[None]:
    """The catalog of the user is not to fill up with models of this table."""
    before = os.environ.get(HOME)
    with tempfile.TemporaryDirectory() as home:
        os.environ[HOME] = home
        try:
            yield
        finally:
            os.environ.pop(HOME)
            if before is not None:
                os.environ[HOME] = before
