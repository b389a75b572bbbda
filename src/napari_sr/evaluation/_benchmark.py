"""Speed of a model on this machine, through the engine that users run."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr._steps import finish
from napari_sr.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from numpy.typing import NDArray

    from napari_sr.inference import CommonKeywords
    from napari_sr.models import Model


@dataclass(frozen=True, slots=True)
class Speed:
    """Speed of a model."""

    model: str
    """Id in the catalog, or the path of a checkpoint."""
    scale: float
    """Output pixels per input pixel."""
    device: str
    """Device that it ran on."""
    precision: str
    """Floating-point type that the network computed in."""
    shape: tuple[int, ...]
    """Shape of the input image: (Y, X) or (Y, X, 3)."""
    seconds: float
    """Median over the repeats, for the whole image."""
    repeats: int
    """Number of measurements, after a first run that was not measured."""

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
    repeats: int = 3,
    **options: Unpack[CommonKeywords],
) -> Speed:
    """Measure how long a model takes for an 8-bit image.

    The image is smooth: where a network strays from noise the engine has more to do.

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
    repeats : int
        Number of measurements; their median counts. One run before them warms up and is not measured.
    **options
        As for `napari_sr.upscale`.

    Returns
    -------
    Speed
        Device and precision as the engine chose them, and seconds.

    Raises
    ------
    InputError
        If ``size`` or ``repeats`` is not positive, or an option cannot be used.
    """
    # Imported here, so that the metrics can be used without loading torch.
    from napari_sr.inference import execute, plan
    from napari_sr.models import load_model

    if size < 1 or repeats < 1:
        raise InputError("the benchmark needs a size and a number of repeats of at least 1")
    shape = (size, size, 3) if rgb else (size, size)
    image = _waves(shape)
    loaded = load_model(model)
    made = plan(image, scale, loaded, "YXS" if rgb else "YX", measure=False, **options)
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        finish(execute(made, image))
        times.append(time.perf_counter() - started)
    return Speed(
        model=loaded.id,
        scale=scale,
        device=made.device,
        precision=made.precision,
        shape=shape,
        seconds=statistics.median(times[1:]),
        repeats=repeats,
    )


def _waves(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Smooth 8-bit image."""
    y, x = (np.arange(n) for n in shape[:2])
    gray = np.rint(128 + 60 * np.sin(y / 9)[:, None] * np.cos(x / 11)).astype(np.uint8)
    return gray if len(shape) == 2 else np.repeat(gray[..., None], shape[2], axis=2)
