"""Models: cards, the catalog, and one function that makes any checkpoint ready to run.

Cards can be listed without PyTorch; it is imported when a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.models._card import Checkpoint, ModelCard
from napari_sr.models._catalog import list_models

if TYPE_CHECKING:
    from napari_sr.models._load import load_model
    from napari_sr.models._model import Model
    from napari_sr.models._save import save_network

__all__ = ["Checkpoint", "Model", "ModelCard", "list_models", "load_model", "save_network"]

_HOME = {"Model": "_model", "load_model": "_load", "save_network": "_save"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
