"""Speed: how long a model takes for a megapixel here, through the engine that users run."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_sr.models import Model


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model ran."""

    model: str
    """Id in the catalog, or the path of a checkpoint."""
    scale: float
    """Output pixels per input pixel."""
    device: str
    """What it ran on."""
    precision: str
    """Number format of the network."""
    shape: tuple[int, ...]
    """Input image: (Y, X) or (Y, X, 3)."""
    seconds: float
    """Median over the repeats, for the whole image."""
    repeats: int
    """How often it was measured, after one run that was not counted."""

    @property
    def seconds_per_megapixel(self) -> float:
        """Seconds for a million input pixels."""
        return self.seconds / (self.shape[0] * self.shape[1] / 1e6)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values.

        Returns
        -------
        dict
            The fields and ``seconds_per_megapixel``.
        """
        return {**asdict(self), "seconds_per_megapixel": self.seconds_per_megapixel}


def benchmark(
    model: str | Path | Model,
    scale: float = 2,
    *,
    size: int = 512,
    rgb: bool = True,
    device: str = "auto",
    precision: str = "auto",
    repeats: int = 3,
) -> Speed:
    """Measure how long a model takes for an 8-bit image.

    Parameters
    ----------
    model : str, Path or Model
        Id in the catalog, path of a checkpoint, or a loaded model.
    scale : float
        Output pixels per input pixel.
    size : int
        Side of the image in pixels.
    rgb : bool
        Three channels rather than one.
    device, precision
        As for `napari_sr.upscale`.
    repeats : int
        Measurements; the median counts. One run before them warms up and is not counted.

    Returns
    -------
    Speed
        Device and precision as the engine chose them, and seconds.

    Raises
    ------
    InputError
        If ``size`` or ``repeats`` is not positive.
    """
    # Here, so that the metrics can be had without the engine and torch.
    from napari_sr.inference import plan, upscale
    from napari_sr.models import load_model

    if size < 1 or repeats < 1:
        raise InputError("the benchmark needs a size and a number of repeats of at least 1")
    shape = (size, size, 3) if rgb else (size, size)
    image = _waves(shape)
    loaded, axes = load_model(model), "YXS" if rgb else "YX"
    chosen = plan(image, scale, loaded, axes=axes, device=device, precision=precision)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        upscale(image, scale, loaded, axes=axes, device=chosen.device, precision=chosen.precision)
        times.append(time.perf_counter() - started)
    return Speed(
        model=loaded.id,
        scale=scale,
        device=chosen.device,
        precision=chosen.precision,
        shape=shape,
        seconds=statistics.median(times[1:]),
        repeats=repeats,
    )


def _waves(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Smooth 8-bit image: noise would be the one case in which the engine has more to do."""
    y, x = (np.arange(n) for n in shape[:2])
    grey = np.rint(128 + 60 * np.sin(y / 9)[:, None] * np.cos(x / 11)).astype(np.uint8)
    return grey if len(shape) == 2 else np.repeat(grey[..., None], shape[2], axis=2)
