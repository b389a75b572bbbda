"""Paths of weights and catalogs: bundled ones are in the package, all others in the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.models._card import Checkpoint, ModelCard

__all__ = [
    "HOME",
    "OFFICIAL_CATALOG",
    "WEIGHTS",
    "is_bundled",
    "is_local",
    "local_scales",
    "models_folder",
    "path_of",
    "user_catalog",
]

HOME = "NAPARI_SR_HOME"
"""Environment variable with another folder for the user's models."""

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the bundled weights and of their catalog, ``catalog.toml``."""

OFFICIAL_CATALOG = Path(__file__).with_name("official.toml")
"""Catalog of the checkpoints that authors published, which users download."""


def models_folder() -> Path:
    """Folder of downloaded and imported models, ``$NAPARI_SR_HOME/models`` or the system's; it need not exist."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser() / "models"
    import platformdirs

    return platformdirs.user_data_path("napari-sr", appauthor=False) / "models"


def user_catalog() -> Path:
    """File with the cards of the user's models; it need not exist."""
    return models_folder() / "catalog.toml"


def is_bundled(card: ModelCard) -> bool:
    """Whether a model of the catalog is part of napari-sr."""
    return card.group not in ("Published", "Mine")


def path_of(card: ModelCard, checkpoint: Checkpoint) -> Path:
    """Path of a file of a model of the catalog, whether or not it exists."""
    return (WEIGHTS if is_bundled(card) else models_folder()) / checkpoint.file


def local_scales(card: ModelCard) -> tuple[int, ...]:
    """Native scales of a model of the catalog that can be run without a download, ascending."""
    return tuple(sorted(each.scale for each in card.checkpoints if _exists(card, each)))


def is_local(card: ModelCard) -> bool:
    """Whether all files of a model of the catalog exist on this machine."""
    return local_scales(card) == card.scales


def _exists(card: ModelCard, checkpoint: Checkpoint) -> bool:
    # by its size: a list of models asks this of every card, and the checksum is verified when a model is loaded
    if not checkpoint.file:
        return True
    try:
        size = path_of(card, checkpoint).stat().st_size
    except OSError:
        return False
    return checkpoint.size in (None, size)
