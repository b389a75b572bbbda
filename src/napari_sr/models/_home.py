"""Where weights lie: those that ship in the package, all others in a folder of the user's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sr.models._card import Checkpoint, ModelCard

__all__ = ["HOME", "WEIGHTS", "is_bundled", "is_local", "local_scales", "models_folder", "path_of"]

HOME = "NAPARI_SR_HOME"
"""Environment variable that names another folder for the user's models."""

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the bundled weights and of ``catalog.toml``."""


def models_folder() -> Path:
    """Folder of downloaded and imported models, which need not exist: ``$NAPARI_SR_HOME/models``, or the system's."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser() / "models"
    import platformdirs

    return platformdirs.user_data_path("napari-sr", appauthor=False) / "models"


def is_bundled(card: ModelCard) -> bool:
    """Whether a model of the catalog came with napari-sr."""
    return card.group not in ("Published", "Mine")


def path_of(card: ModelCard, checkpoint: Checkpoint) -> Path:
    """Where the file of a model of the catalog lies, or would lie if it were on this machine."""
    return (WEIGHTS if is_bundled(card) else models_folder()) / checkpoint.file


def local_scales(card: ModelCard) -> tuple[int, ...]:
    """Native scales of a model of the catalog that can be run without a download, ascending."""
    return tuple(sorted(each.scale for each in card.checkpoints if _is_here(card, each)))


def is_local(card: ModelCard) -> bool:
    """Whether all of a model of the catalog is on this machine."""
    return local_scales(card) == card.scales


def _is_here(card: ModelCard, checkpoint: Checkpoint) -> bool:
    # size and no checksum: it is asked for every card whenever a list is shown; loading verifies
    if not checkpoint.file:
        return True
    try:
        size = path_of(card, checkpoint).stat().st_size
    except OSError:
        return False
    return checkpoint.size in (None, size)
