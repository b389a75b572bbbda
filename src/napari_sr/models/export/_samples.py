"""The test data of a package: a real image, what comes out of it, and both as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch

from napari_sr.models.export._facts import smallest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    Pixels = NDArray[np.float32]

__all__ = ["COVER", "INPUT", "OUTPUT", "Sample", "sample"]

INPUT, OUTPUT, COVER = "test_input.npy", "test_output.npy", "cover.png"
"""Names of the files."""
_EPS = 1e-6
"""Added to the largest less the smallest value before it divides: the default of bioimage.io's scale_range."""
_SIDE = 96
"""Of the test image; more where the halo is large."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Sizes that go with the test data."""

    least: int
    """Shortest side that is taken, so that something is left when the halo is cut off."""
    step: int
    """Sides are `least` plus a multiple of this."""


def sample(folder: Path, network: nn.Module, facts: Mapping[str, str], step: int) -> Sample:
    """Write the files `INPUT`, `OUTPUT` and `COVER`.

    Parameters
    ----------
    folder : Path
        Where.
    network : torch.nn.Module
        The original.
    facts : mapping of str to str
        Of the model.
    step : int
        Sides must be multiples of this.

    Returns
    -------
    Sample
        The sizes that the test image keeps to.
    """
    least = max(smallest(network), 2 * int(facts["halo"] or 0) + 1)
    least = -(-least // step) * step
    side = max(_SIDE, least)
    image = _image(int(facts["in_channels"]), side + -side % step)
    enlarged = _run(network, image, float(facts["value_range"]))
    np.save(folder / INPUT, image)
    np.save(folder / OUTPUT, enlarged)
    _picture(folder / COVER, image, enlarged)
    return Sample(least, step)


def _image(channels: int, side: int) -> Pixels:
    """Part of an image in the public domain, shape (1, channels, side, side), values to 255."""
    from skimage import data

    if channels == 3:
        found = data.astronaut()[60 : 60 + side, 170 : 170 + side].transpose(2, 0, 1)
    else:
        found = data.cell()[120 : 120 + side, 150 : 150 + side][None]
    return np.ascontiguousarray(found[None], dtype=np.float32)


def _run(network: nn.Module, image: Pixels, value_range: float) -> Pixels:
    """What a program that keeps to the description gets."""
    low, high = image.min(), image.max()
    stretched = (image - low) / (high - low + _EPS) * value_range
    with torch.inference_mode():
        output: Any = network(torch.from_numpy(stretched)).numpy()
    result: Pixels = (output / value_range).astype(np.float32)
    return result


def _picture(path: Path, image: Pixels, enlarged: Pixels) -> None:
    """Input (every pixel a square) and output side by side, twice as wide as high."""
    scale = enlarged.shape[-1] // image.shape[-1]
    low, high = image.min(), image.max()
    squares = ((image - low) / (high - low)).repeat(scale, axis=2).repeat(scale, axis=3)
    both = np.concatenate([squares, enlarged], axis=3)[0].transpose(1, 2, 0)
    picture = (both.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    cv2.imwrite(str(path), picture[..., ::-1] if picture.shape[-1] == 3 else picture)
