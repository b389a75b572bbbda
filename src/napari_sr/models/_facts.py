"""What is known of a file from elsewhere: its value range, color and story.

A file says it itself if we wrote it; it stands in the catalog if its SHA-256 is there; what remains is
found by trying, and last of all what the authors of the architecture use is assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sr.errors import ModelRangeError
from napari_sr.models._card import COLORS, Color, ModelCard
from napari_sr.models._catalog import list_models
from napari_sr.models._probe import RANGES, probe_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from napari_sr.architectures.registry import Architecture

__all__ = ["check", "color_of", "range_of", "twin"]


def check(value_range: float | None, color: str | None, in_channels: int) -> None:
    """Complain of a value range or color that cannot be meant.

    Raises
    ------
    ModelRangeError
        If so.
    """
    if value_range is not None and value_range not in RANGES:
        raise ModelRangeError(f"value_range must be 1 or 255, not {value_range!r}")
    if color is not None and color not in COLORS:
        raise ModelRangeError(f"color must be one of {', '.join(COLORS)}, not {color!r}")
    if color is not None and (color == "RGB") != (in_channels == 3):
        raise ModelRangeError(
            f"color {color!r} does not fit a network with {in_channels} input channel(s)"
        )


def twin(sha256: str) -> ModelCard | None:
    """Card of the catalog with that very file, if there is one."""
    for card in list_models():
        if any(checkpoint.sha256 == sha256 for checkpoint in card.checkpoints):
            return card
    return None


def color_of(metadata: Mapping[str, str], architecture: Architecture, in_channels: int) -> Color:
    """Color a file's network was trained on: as it says, as its authors do, or by its channels."""
    for color in COLORS:
        if metadata.get("color") == color:
            return color
    if in_channels == 3:
        return "RGB"
    return "grey" if architecture.color == "grey" else "Y"


def range_of(
    metadata: Mapping[str, str], architecture: Architecture, network: nn.Module, name: str
) -> tuple[float, str]:
    """Value range that a file's network expects, and how that is known.

    Raises
    ------
    ModelRangeError
        If it cannot be told.
    """
    known: float | None = getattr(network, "value_range", None)
    if known is not None:
        return known, "as it is made to expect"
    stated = metadata.get("value_range", "")
    if stated in ("1", "1.0", "255", "255.0"):
        return float(stated), "as the file says"
    finding = probe_range(network)
    if finding.value_range is not None:
        return finding.value_range, str(finding)
    if architecture.value_range is not None:
        return architecture.value_range, f"as the authors of {architecture.id} use ({finding})"
    raise ModelRangeError(
        f"{name}: cannot tell whether values go to 1 or 255 ({finding}); "
        "pass value_range=1 or value_range=255"
    )
