"""Whether intensities can be trusted: is the result linear in the input, and does a hot pixel stay where it is?

`microscopy_table.py` measures it for each model. Both go through `napari_sr.upscale`, as users do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr import upscale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.models import Model

FACTORS = 0.25, 0.5, 2, 4
HEAT = 100
AWAY = 32
SIDE = 128
LINEAR_BAR, HOT_BAR = 1e-2, 1e-3


def nonlinearity(image: NDArray[np.uint16], model: Model, scale: int) -> float:
    """Largest difference between k times the result and the result of k times the image.

    Parameters
    ----------
    image : array of uint16, shape (Y, X)
        Rounded down to multiples of 4 and, if four times it did not fit into 16 bits, divided by 4 before.
    model : Model
        What enlarges it.
    scale : int
        Output pixels per input pixel.

    Returns
    -------
    float
        As a fraction of the range of k times the result; the rounding of both results, half a step each, is in it.
    """
    ends = np.iinfo(np.uint16).max
    image = (image // (4 if image.max() > ends // 4 else 1)) // 4 * 4
    once = upscale(image, scale, model, axes="YX").astype(np.float64)
    worst = 0.0
    for factor in FACTORS:
        # The result may overshoot; beyond 16 bits it is cut off, which is no fault of the network.
        expected = np.clip(factor * once, 0, ends)
        scaled = upscale((factor * image).astype(np.uint16), scale, model, axes="YX")
        worst = max(worst, float(np.abs(scaled - expected).max() / np.ptp(expected)))
    return worst


def reach_of_a_hot_pixel(image: NDArray[Any], model: Model, scale: int) -> float:
    """Largest change that one pixel of 100 times the range makes more than 32 pixels away from it.

    Parameters
    ----------
    image : array, shape (Y, X)
        Run as float32. The pixel is its middle one.
    model : Model
        What enlarges it.
    scale : int
        Output pixels per input pixel.

    Returns
    -------
    float
        As a fraction of the range of the image.
    """
    cold = image.astype(np.float32)
    extent, at = float(np.ptp(cold)), tuple(n // 2 for n in cold.shape)
    hot = cold.copy()
    hot[at] = cold.min() + HEAT * extent
    change = np.abs(upscale(hot, scale, model, axes="YX") - upscale(cold, scale, model, axes="YX"))
    inside = tuple(slice(max(0, (n - AWAY) * scale), (n + AWAY + 1) * scale) for n in at)
    change[inside] = 0
    return float(change.max()) / extent
