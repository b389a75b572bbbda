"""Models: cards, the catalog, and one function that makes any checkpoint ready to run.

Cards can be listed, and published models downloaded, without PyTorch; it is imported when a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.models._card import GROUPS, Checkpoint, ModelCard
from napari_sr.models._catalog import card_of, list_models
from napari_sr.models._home import is_bundled, is_local, local_scales, models_folder
from napari_sr.models._license import explain_license, is_permissive

if TYPE_CHECKING:
    from napari_sr.models._cost import Cost, count_cost
    from napari_sr.models._download import download_model, to_download
    from napari_sr.models._foreign import Tiling
    from napari_sr.models._load import load_model
    from napari_sr.models._model import Model, ready
    from napari_sr.models._own import add_model, check_new_id, import_model, remove_model
    from napari_sr.models._save import save_network

__all__ = [
    "GROUPS",
    "Checkpoint",
    "Cost",
    "Model",
    "ModelCard",
    "Tiling",
    "add_model",
    "card_of",
    "check_new_id",
    "count_cost",
    "download_model",
    "explain_license",
    "import_model",
    "is_bundled",
    "is_local",
    "is_permissive",
    "list_models",
    "load_model",
    "local_scales",
    "models_folder",
    "ready",
    "remove_model",
    "save_network",
    "to_download",
]

_HOME = {
    "Cost": "_cost",
    "Model": "_model",
    "Tiling": "_foreign",
    "add_model": "_own",
    "check_new_id": "_own",
    "count_cost": "_cost",
    "download_model": "_download",
    "import_model": "_own",
    "load_model": "_load",
    "ready": "_model",
    "remove_model": "_own",
    "save_network": "_save",
    "to_download": "_download",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
