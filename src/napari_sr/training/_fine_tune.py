"""Fine-tuning: a model is adapted to the image, or kind of image, that it will enlarge.

The image is downscaled and the network learns to restore it. So little data is easily memorized, so some tiles are held
out: validation tiles decide when to stop, and test tiles, measured once at the end, say what was gained. The new model
is discarded if test tiles do not gain, or if blurred test tiles, which are as sharp as the image itself, do not.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_sr._steps import finish
from napari_sr.errors import InputError
from napari_sr.inference import resolve_device
from napari_sr.models import check_new_id, import_model, list_models, load_model, save_network
from napari_sr.training._fine_tune_data import extract_planes, split_tiles
from napari_sr.training._fine_tuner import FineTuneProgress, FineTuner, psnr_of_bicubic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_sr.models import Model, ModelCard

_MIN_GAIN = 0.02
"""Gain in dB, on test tiles as they are and blurred, below which the base is kept: a smaller one is not visible."""


@dataclass(frozen=True, slots=True)
class FineTuned:
    """Result of fine-tuning. PSNR (dB) is measured on test tiles, which were used neither to train nor to choose."""

    base: str
    """Id of the model that was fine-tuned."""
    card: ModelCard | None
    """Card of the new model in the catalog; None if it is not better and the base is kept."""
    bicubic: float
    """PSNR of bicubic interpolation."""
    before: float
    """PSNR of the base."""
    after: float
    """PSNR of the best weights."""
    blurred_gain: float
    """Gain over the base, in dB, on the test tiles blurred to about the sharpness of the image itself."""
    tiles: int
    """Number of test tiles."""
    iterations: int
    """Training steps."""
    seconds: float
    """Time of the whole run."""

    @property
    def gain(self) -> float:
        """Gain over the base in dB."""
        return self.after - self.before

    @property
    def too_sharp(self) -> bool:
        """Whether the base is kept only because blurred tiles did not gain."""
        return self.card is None and self.gain >= _MIN_GAIN > self.blurred_gain

    def __str__(self) -> str:
        """One line for people."""
        figures = (
            f"{self.gain:+.2f} dB over {self.base} on {self.tiles} held-out tiles "
            f"(bicubic {self.bicubic:.2f}, before {self.before:.2f}, after {self.after:.2f} dB)"
        )
        if self.too_sharp:
            change = f"{self.blurred_gain:+.2f} dB"
            return f"{self.base} is kept, since tiles as blurred as the image would change by {change}: {figures}"
        if self.card is None:
            return f"{self.base} is kept, since nothing better was found: {figures}"
        return f"{self.card.id} is in the catalog: {figures}"


def fine_tune(
    image: Any,
    scale: int | None = None,
    model: str | Path | Model = "mspn-microscopy",
    minutes: float = 2,
    *,
    name: str | None = None,
    axes: str | None = None,
    device: str = "auto",
    progress: Callable[[float, float], object] | None = None,
) -> FineTuned:
    """Adapt a model to an image, and keep the result as a new model if it is better.

    Parameters
    ----------
    image : array, list of arrays or of (array, axes), SpatialImage, napari Image layer, or path of a folder of images
        What to learn from, as much as there is of the kind that will be enlarged; not changed. The axes of a layer are
        read from its ``axis_labels``, as for `napari_sr.upscale_layer`.
    scale : int, optional
        A native scale of the model. Left out: its smallest.
    model : str, Path or Model
        The base, as for `napari_sr.load_model`: a network with tensors, not a TorchScript or ONNX file.
    minutes : float
        Training time at most; it ends earlier if nothing improves.
    name : str, optional
        Id of the new model in the catalog. Left out: the id of the base followed by ``-tuned``.
    axes : str, optional
        One letter a dimension, as for `napari_sr.upscale`; overrides those of a layer.
    device : str
        ``"auto"``, ``"gpu"``, ``"cpu"``, ``"cuda:1"`` or ``"mps"``, as for `napari_sr.upscale`.
    progress : callable, optional
        Called with the seconds spent and the seconds in all. An exception that it raises stops the run, and nothing
        is kept.

    Returns
    -------
    FineTuned
        The gain, and the card of the new model (in the group "Mine") if it is better than its base.

    Raises
    ------
    InputError
        If there is too little to learn from, or an option is not allowed.
    ModelLoadError, ModelNotFoundError
        If the base cannot be loaded or trained.
    DeviceError
        If this machine has no such device.
    """
    steps = fine_tune_steps(image, scale, model, minutes, name=name, axes=axes, device=device)
    return finish(steps, progress and (lambda state: progress(state.seconds, state.budget)))


def fine_tune_steps(
    image: Any,
    scale: int | None = None,
    model: str | Path | Model = "mspn-microscopy",
    minutes: float = 2,
    *,
    name: str | None = None,
    axes: str | None = None,
    device: str = "auto",
) -> Generator[FineTuneProgress, None, FineTuned]:
    """`fine_tune` step by step; closing the generator stops the run, and nothing is kept.

    Parameters
    ----------
    image, scale, model, minutes, name, axes, device
        As for `fine_tune`.

    Yields
    ------
    FineTuneProgress
        After every step.
    """
    if not 0 < minutes < math.inf:
        raise InputError(f"minutes must be a positive number, not {minutes!r}")
    where = torch.device(resolve_device(device))
    base = load_model(model)
    native = base.scales[0] if scale is None else scale
    new_id = check_new_id(name or _free_id(base), native)
    tuner = FineTuner(base, native, where)
    tiles, blurred = split_tiles(extract_planes(image, base.card.color, axes), native)
    begun = time.monotonic()
    yield from tuner.train(tiles, blurred, 60 * minutes)
    networks = (tuner.base, tuner.best)
    before, after = (tuner.psnr(each, tiles.test) for each in networks)
    blurred_before, blurred_after = (tuner.psnr(each, blurred.test) for each in networks)
    better = min(after - before, blurred_after - blurred_before) >= _MIN_GAIN and tuner.gain > 0
    result = FineTuned(
        base=base.id,
        card=None,
        bicubic=psnr_of_bicubic(tiles.test, native),
        before=before,
        after=after,
        blurred_gain=blurred_after - blurred_before,
        tiles=len(tiles.test),
        iterations=tuner.iterations,
        seconds=time.monotonic() - begun,
    )
    return _kept(result, base, tuner, new_id) if better else result


def _free_id(base: Model) -> str:
    taken = {card.id for card in list_models()}
    first = f"{base.id.lower()}-tuned"
    names = (first, *(f"{first}-{i}" for i in range(2, 1000)))
    return next(each for each in names if each not in taken)


def _kept(result: FineTuned, base: Model, tuner: FineTuner, new_id: str) -> FineTuned:
    """Add the new model to the catalog, with a card that says how it was made."""
    figures = f"{result.gain:+.2f} dB over {base.id} on {result.tiles} held-out tiles of it"
    with tempfile.TemporaryDirectory() as folder:
        path = save_network(
            Path(folder) / f"{new_id}.safetensors",
            tuner.best.cpu(),
            tuner.architecture,
            tuner.config,
            value_range=base.card.value_range,
            color=base.card.color,
            license=base.card.license,
            source=f"{base.id}, fine-tuned by you",
            summary=f"Fine-tuned on one image or set of images, for others like it: {figures}.",
            training_data=f"your own image ({result.iterations} steps, {result.seconds:.0f} s); before that, "
            f"{base.card.training_data}",
        )
        return replace(result, card=import_model(path, new_id))
