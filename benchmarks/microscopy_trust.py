"""Fidelity of intensities: linearity of the result in the input, and the reach of a hot pixel.

`microscopy_table.py` measures both for each model through `napari_sr.upscale`, as users call it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr import upscale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sr.models import Model

FACTORS = 0.25, 0.5, 2, 4
"""Powers of two, so that multiples of 4 stay integers."""
HEAT = 100
"""Intensity of a hot pixel, relative to the range of the image."""
AWAY = 32
"""Pixels from a hot pixel beyond which nothing should change: more than receptive fields of local networks."""
SIDE = 128
"""Side of the part of each image on which both are measured."""
LINEAR_BAR, HOT_BAR = 1e-2, 1e-3
"""Largest acceptable values, relative to the range: one percent, and a gray level of 10 bits."""


def nonlinearity(image: NDArray[np.uint16], model: Model, scale: int) -> float:
    """Largest difference between k times the result and the result of k times the image.

    Parameters
    ----------
    image : array of uint16, shape (Y, X)
        Rounded down to multiples of 4, and first divided by 4 if four times it does not fit into 16 bits.
    model : Model
        The model.
    scale : int
        Output pixels per input pixel.

    Returns
    -------
    float
        Relative to the range of k times the result. It contains the rounding of both results, half a step each.
    """
    ends = np.iinfo(np.uint16).max
    image = (image // (4 if image.max() > ends // 4 else 1)) // 4 * 4
    once = upscale(image, scale, model, axes="YX").astype(np.float64)
    worst = 0.0
    for factor in FACTORS:
        # The result may overshoot and be clipped to 16 bits, for which the network is not responsible.
        expected = np.clip(factor * once, 0, ends)
        scaled = upscale((factor * image).astype(np.uint16), scale, model, axes="YX")
        worst = max(worst, float(np.abs(scaled - expected).max() / np.ptp(expected)))
    return worst


def reach_of_a_hot_pixel(image: NDArray[Any], model: Model, scale: int) -> float:
    """Largest change, more than 32 pixels away, that a pixel of 100 times the range causes.

    Parameters
    ----------
    image : array, shape (Y, X)
        Upscaled as float32. Its middle pixel is made hot.
    model : Model
        The model.
    scale : int
        Output pixels per input pixel.

    Returns
    -------
    float
        Relative to the range of the image.
    """
    cold = image.astype(np.float32)
    extent, at = float(np.ptp(cold)), tuple(n // 2 for n in cold.shape)
    hot = cold.copy()
    hot[at] = cold.min() + HEAT * extent
    change = np.abs(upscale(hot, scale, model, axes="YX") - upscale(cold, scale, model, axes="YX"))
    inside = tuple(slice(max(0, (n - AWAY) * scale), (n + AWAY + 1) * scale) for n in at)
    change[inside] = 0
    return float(change.max()) / extent
