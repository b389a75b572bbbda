"""Two ways to a luma that papers compare: through the 8-bit RGB image, or the network's own.

Tables of RGB networks round the result to 8-bit RGB first, as an image file does. Tables of networks
that see luma only (ESPCN, FSRCNN, ECBSR, edge-SR) compare their output directly. The difference is at
most 0.015 dB, measured on Set5 with the official edge-SR files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sr.errors import InputError
from napari_sr.evaluation._metrics import evaluation_luma
from napari_sr.imaging import bt601_luma

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sr.models import ModelCard

Luma = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a small image is handed to the engine, and how its result is compared."""

    name: str
    """``"rgb8"`` or ``"luma"``."""
    prepare: Callable[[NDArray[np.uint8]], NDArray[Any]]
    """8-bit RGB to what the engine gets: the engine keeps the type, so this decides on rounding."""
    luma: Callable[[NDArray[Any]], Luma]
    """The engine's result to Y in 0..255."""


def _as_it_is(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image


def _unit(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image.astype(np.float32) / np.float32(255)


def _unrounded_luma(image: NDArray[np.floating]) -> Luma:
    # Of unrounded RGB the luma is exactly what the network gave, before Cb and Cr joined it.
    return np.clip(255.0 * bt601_luma(image.astype(np.float64)), 0, 255)


_PROTOCOLS = {
    "rgb8": Protocol("rgb8", _as_it_is, evaluation_luma),
    "luma": Protocol("luma", _unit, _unrounded_luma),
}


def choose_protocol(asked: str, card: ModelCard) -> Protocol:
    """Protocol by name, or the one that a model's own paper used.

    Parameters
    ----------
    asked : {"auto", "rgb8", "luma"}
        ``"auto"`` is ``"luma"`` for a network that sees luma only, else ``"rgb8"``.
    card : ModelCard
        Of the model that is measured.

    Returns
    -------
    Protocol
        Ready to use.

    Raises
    ------
    InputError
        If there is no such protocol.
    """
    name = ("luma" if card.colour == "Y" else "rgb8") if asked == "auto" else asked
    if name not in _PROTOCOLS:
        raise InputError(f"protocol must be auto, {' or '.join(_PROTOCOLS)}, not {asked!r}")
    return _PROTOCOLS[name]
