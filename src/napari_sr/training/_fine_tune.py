"""Fine-tuning: a model learns from the very image that it will enlarge.

The image is made smaller and the network learns the way back. Little data is easily learnt by heart, so tiles are held
out: some tell when to stop, others, looked at once in the end, what was gained. Where nothing was, or nothing on the
same tiles when they are as soft as the image itself, the base is kept.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_sr._steps import finish
from napari_sr.errors import InputError
from napari_sr.models import import_model, list_models, load_model, save_network
from napari_sr.models._own import check_new_id
from napari_sr.training._own_image import cut, planes_of
from napari_sr.training._student import FineTuneProgress, Student, psnr_of_bicubic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_sr.models import Model, ModelCard

_WORTH = 0.02
"""Gain in dB, on tiles as they are and on softened ones, below which the base is kept."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What came of it; PSNR in dB over all pixels of the held-out tiles that nothing was chosen by."""

    base: str
    """Id of the model that it began with."""
    card: ModelCard | None
    """Of the new model in the catalog; None where nothing better was found and the base is kept."""
    bicubic: float
    """PSNR of bicubic interpolation."""
    before: float
    """PSNR of the base."""
    after: float
    """PSNR of the best weights that were found."""
    soft_gain: float
    """Decibels over the base on the same tiles softened, as sharp for their pixels as the image itself may be."""
    tiles: int
    """Held-out tiles that these figures are of."""
    iterations: int
    """Steps of training."""
    seconds: float
    """Spent in all."""

    @property
    def gain(self) -> float:
        """Decibels over the base."""
        return self.after - self.before

    @property
    def too_sharp(self) -> bool:
        """Whether the base is kept although tiles gained, for softened ones did not."""
        return self.card is None and self.gain >= _WORTH > self.soft_gain

    def __str__(self) -> str:
        """One line for people."""
        figures = (
            f"{self.gain:+.2f} dB over {self.base} on {self.tiles} tiles held out "
            f"(bicubic {self.bicubic:.2f}, before {self.before:.2f}, after {self.after:.2f} dB)"
        )
        if self.too_sharp:
            change = f"{self.soft_gain:+.2f} dB"
            return f"{self.base} is kept, since tiles as soft as the image may be would change by {change}: {figures}"
        if self.card is None:
            return f"{self.base} is kept, since nothing better was found: {figures}"
        return f"{self.card.id} is in the catalog: {figures}"


def fine_tune(
    source: Any,
    base: str | Path | Model = "mspn-microscopy",
    minutes: float = 2,
    *,
    scale: int | None = None,
    name: str | None = None,
    axes: str | None = None,
    device: str = "cpu",
    progress: Callable[[float, float], object] | None = None,
) -> FineTuned:
    """Make a model of one's own out of another and the image that it is meant for.

    Parameters
    ----------
    source : array, list of arrays or of (array, axes), napari Image layer, or path of a folder of images
        What it learns from; not changed. As much as there is of the kind that will be enlarged.
    base : str, Path or Model
        As for `napari_sr.load_model`; a network of ours with tensors, not a TorchScript or ONNX file.
    minutes : float
        How long it may take; it stops earlier where it gets no better.
    scale : int, optional
        A native scale of the base; left out: its smallest.
    name : str, optional
        Id in the catalog. Left out: the base's with ``-tuned`` after it.
    axes : str, optional
        Of arrays, as for `napari_sr.upscale`.
    device : str
        A torch device.
    progress : callable, optional
        Called with seconds spent and seconds in all. What it raises stops the run, and nothing is kept.

    Returns
    -------
    FineTuned
        The figures, and the card of the new model (group "Mine") if it is better than its base.

    Raises
    ------
    InputError
        If there is too little to learn from, or an option cannot be used.
    ModelLoadError, ModelNotFoundError
        If the base cannot be had or not be trained.
    """
    steps = fine_tune_steps(source, base, minutes, scale=scale, name=name, axes=axes, device=device)
    return finish(steps, progress and (lambda state: progress(state.seconds, state.budget)))


def fine_tune_steps(
    source: Any,
    base: str | Path | Model = "mspn-microscopy",
    minutes: float = 2,
    *,
    scale: int | None = None,
    name: str | None = None,
    axes: str | None = None,
    device: str = "cpu",
) -> Generator[FineTuneProgress, None, FineTuned]:
    """`fine_tune` step by step; closing the generator stops it, and nothing is kept.

    Parameters
    ----------
    source, base, minutes, scale, name, axes, device
        As for `fine_tune`.

    Yields
    ------
    FineTuneProgress
        After every step.
    """
    if not 0 < minutes < math.inf:
        raise InputError(f"minutes must be a positive number, not {minutes!r}")
    model = load_model(base)
    native = model.scales[0] if scale is None else scale
    id_ = check_new_id(name or _free_id(model), native)
    student = Student(model, native, torch.device(device))
    tiles, soft = cut(planes_of(source, model.card.color, axes), native)
    begun = time.monotonic()
    yield from student.learn(tiles, soft, 60 * minutes)
    networks = (student.base, student.best)
    before, after = (student.psnr(each, tiles.test) for each in networks)
    soft_before, soft_after = (student.psnr(each, soft.test) for each in networks)
    worth = min(after - before, soft_after - soft_before) >= _WORTH and student.gain > 0
    result = FineTuned(
        base=model.id,
        card=None,
        bicubic=psnr_of_bicubic(tiles.test, native),
        before=before,
        after=after,
        soft_gain=soft_after - soft_before,
        tiles=len(tiles.test),
        iterations=student.iterations,
        seconds=time.monotonic() - begun,
    )
    return _kept(result, model, student, id_) if worth else result


def _free_id(model: Model) -> str:
    taken = {card.id for card in list_models()}
    first = f"{model.id.lower()}-tuned"
    names = (first, *(f"{first}-{i}" for i in range(2, 1000)))
    return next(each for each in names if each not in taken)


def _kept(result: FineTuned, model: Model, student: Student, id_: str) -> FineTuned:
    """Put the new model into the catalog, with what is known of it."""
    from dataclasses import replace

    figures = f"{result.gain:+.2f} dB over {model.id} on {result.tiles} held-out tiles of it"
    with tempfile.TemporaryDirectory() as folder:
        path = save_network(
            Path(folder) / f"{id_}.safetensors",
            student.best.cpu(),
            student.architecture,
            student.config,
            value_range=model.card.value_range,
            color=model.card.color,
            license=model.card.license,
            source=f"{model.id}, fine-tuned by you",
            summary=f"Fine-tuned on one image or set of images, for others like it: {figures}.",
            training_data=f"your own image ({result.iterations} steps, {result.seconds:.0f} s); before that, "
            f"{model.card.training_data}",
        )
        return replace(result, card=import_model(path, id_))
