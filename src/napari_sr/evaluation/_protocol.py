"""Protocols: how images are read and made smaller, and which plane is compared at which peak.

``rgb8`` and ``luma`` are those of papers. Papers on RGB networks round the result to 8-bit RGB before they take its
luma, as an image file does. Papers on luma networks (ESPCN, FSRCNN, ECBSR, edge-SR) compare the network's output
directly. The difference is at most 0.015 dB, measured on Set5 with the official edge-SR files. ``grey`` is for
microscopy: one channel of any type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sr.errors import InputError
from napari_sr.evaluation._metrics import evaluation_luma
from napari_sr.evaluation._read import read_grey, read_rgb
from napari_sr.imaging import bt601_luma, imresize, imresize_uint8

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_sr.models import ModelCard

Image = NDArray[Any]
Plane = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a model is measured."""

    name: str
    """Name in options."""
    axes: str
    """Axes of the images that are upscaled."""
    read: Callable[[Path], Image]
    """Reads an original from a file."""
    shrink: Callable[[Image, float], Image]
    """Makes a small image of the same type from an original and a factor below 1."""
    prepare: Callable[[Image], Image]
    """Converts a small image to the type in which it is upscaled, and to which the result is rounded."""
    original_plane: Callable[[Image], Plane]
    """Takes the plane to compare from an original."""
    result_plane: Callable[[Image], Plane]
    """Takes the plane to compare from an upscaled image."""
    peak: Callable[[Plane], float]
    """Peak of PSNR and SSIM, from the original's plane."""


def _same(image: Image) -> Image:
    return image


def _unit(image: Image) -> Image:
    return image.astype(np.float32) / np.float32(255)


def _unrounded_luma(image: Image) -> Plane:
    # The luma of unrounded RGB is exactly the network's output, to which Cb and Cr were added.
    luma: Plane = np.clip(255.0 * bt601_luma(image.astype(np.float64)), 0, 255)
    return luma


def _plane(image: Image) -> Plane:
    return image.astype(np.float64)


def _shrink_any(image: Image, factor: float) -> Image:
    small = imresize(image, factor)
    if image.dtype.kind in "iu":
        ends = np.iinfo(image.dtype)
        small = np.clip(np.floor(small + 0.5), ends.min, ends.max)
    return small.astype(image.dtype)


def _white(_: Plane) -> float:
    return 255.0


def _span(original: Plane) -> float:
    return float(np.ptp(original)) or 1.0


RGB8 = Protocol(
    "rgb8", "YXS", read_rgb, imresize_uint8, _same, evaluation_luma, evaluation_luma, _white
)
LUMA = Protocol(
    "luma", "YXS", read_rgb, imresize_uint8, _unit, evaluation_luma, _unrounded_luma, _white
)
GREY = Protocol("grey", "YX", read_grey, _shrink_any, _same, _plane, _plane, _span)
PROTOCOLS = {each.name: each for each in (RGB8, LUMA, GREY)}
"""All protocols by name."""


def choose_protocol(asked: str, card: ModelCard) -> Protocol:
    """Protocol by name, or the one that a model's own paper used.

    Parameters
    ----------
    asked : {"auto", "rgb8", "luma", "grey"}
        ``"auto"`` is ``"luma"`` for a network that takes luma only, else ``"rgb8"``.
    card : ModelCard
        Card of the model.

    Returns
    -------
    Protocol
        The one of that name.

    Raises
    ------
    InputError
        If there is no such protocol.
    """
    if asked == "auto":
        return LUMA if card.color == "Y" else RGB8
    if asked not in PROTOCOLS:
        raise InputError(f"protocol must be auto, {', '.join(PROTOCOLS)}, not {asked!r}")
    return PROTOCOLS[asked]
