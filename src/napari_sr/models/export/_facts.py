"""Metadata of an exported file: the card of its model, and the sizes and halo that a program must respect."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from napari_sr._version import __version__

if TYPE_CHECKING:
    from torch import nn

    from napari_sr.models._model import Model

__all__ = ["facts", "plain_halo", "smallest"]


def facts(model: Model, scale: int) -> dict[str, str]:
    """Metadata of a model at a native scale.

    Returns
    -------
    dict of str to str
        ``halo`` is in low-resolution pixels and empty where an image must not be cut into tiles.
    """
    network, card, halo = model.network(scale), model.card, plain_halo(model, scale)
    return {
        "model": card.id,
        "title": card.title,
        "architecture": card.architecture,
        "scale": str(scale),
        "in_channels": str(cast("int", network.in_channels)),
        "color": card.color,
        "value_range": f"{card.value_range:g}",
        "halo": "" if halo is None else str(halo),
        "minimum_size": str(smallest(network)),
        "license": card.license,
        "source": card.source,
        "paper": card.paper,
        "training_data": card.training_data,
        "sha256": model.sha256(scale) or "",
        "generator": f"napari-sr {__version__}",
    }


def plain_halo(model: Model, scale: int) -> int | None:
    """Halo of a tile that is run as an image of its own; None if no halo is large enough.

    Attention on a coarse grid, or by statistics, depends on where a tile lies, which no program passes to a file.
    """
    network = model.network(scale)
    alignment = int(getattr(network, "alignment", 1))
    statistics = int(getattr(network, "statistics_layers", 0))
    return None if alignment > 1 or statistics else model.halo(scale)


def smallest(network: nn.Module) -> int:
    """Shortest side in pixels of an image that a network accepts."""
    return int(getattr(network, "minimum_size", 1))
