"""Scale factors: what the user asks for, and how the networks' native scales reach it."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_scale(scale: float | Sequence[float]) -> tuple[float, float]:
    """Output pixels per input pixel along Y and X.

    Parameters
    ----------
    scale : float or pair of float
        One for both axes or one each; finite and at least 1.

    Returns
    -------
    tuple of float
        Along Y and along X.

    Raises
    ------
    InputError
        If it is anything else.
    """
    given: Any = scale
    try:
        pair = [float(given)] * 2 if np.ndim(given) == 0 else [float(f) for f in given]
    except (TypeError, ValueError):
        pair = []
    if len(pair) != 2 or not all(math.isfinite(f) and f >= 1 for f in pair):
        raise InputError(
            f"scale must be a number of at least 1, or one each for Y and X, not {scale!r}"
        )
    return pair[0], pair[1]


def choose_passes(scale: tuple[float, float], native: Sequence[int]) -> tuple[int, ...]:
    """Native scales to run one after the other until the image is large enough.

    Parameters
    ----------
    scale : pair of float
        Along Y and X.
    native : sequence of int
        The model's.

    Returns
    -------
    tuple of int
        The fewest whose product reaches the larger factor, of these the smallest product; ascending, because each
        pass works on what the one before enlarged. Empty for a factor of 1.
    """
    wanted, count = max(scale), 0
    while max(native) ** count < wanted:
        count += 1
    choices = combinations_with_replacement(sorted(native), count)
    return min((c for c in choices if math.prod(c) >= wanted), key=math.prod)
