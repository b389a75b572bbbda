"""Models: their cards, the catalog, and one function that loads any checkpoint.

Cards can be listed, and published models downloaded, without PyTorch, which is imported when a model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sr.models._card import GROUPS, Checkpoint, ModelCard, explain_license, is_permissive
from napari_sr.models._catalog import (
    find_card,
    is_bundled,
    is_local,
    list_models,
    local_scales,
    models_folder,
)

if TYPE_CHECKING:
    from napari_sr.models._cost import Cost, count_cost
    from napari_sr.models._download import download_model, missing_checkpoints
    from napari_sr.models._external import ExternalNetwork, Tiling
    from napari_sr.models._load import load_model
    from napari_sr.models._model import Model, ready
    from napari_sr.models._save import save_network
    from napari_sr.models._user_models import add_model, check_new_id, import_model, remove_model

__all__ = [
    "GROUPS",
    "Checkpoint",
    "Cost",
    "ExternalNetwork",
    "Model",
    "ModelCard",
    "Tiling",
    "add_model",
    "check_new_id",
    "count_cost",
    "download_model",
    "explain_license",
    "find_card",
    "import_model",
    "is_bundled",
    "is_local",
    "is_permissive",
    "list_models",
    "load_model",
    "local_scales",
    "missing_checkpoints",
    "models_folder",
    "ready",
    "remove_model",
    "save_network",
]

_MODULES = {
    "Cost": "_cost",
    "ExternalNetwork": "_external",
    "Model": "_model",
    "Tiling": "_external",
    "add_model": "_user_models",
    "check_new_id": "_user_models",
    "count_cost": "_cost",
    "download_model": "_download",
    "import_model": "_user_models",
    "load_model": "_load",
    "missing_checkpoints": "_download",
    "ready": "_model",
    "remove_model": "_user_models",
    "save_network": "_save",
}
"""Private modules of the names whose import needs PyTorch, or takes time.

`lazy_loader.attach` would do the same but is not used: type checkers do not understand it, so that the imports above
would remain, and with its stub files the names would be stated in a third place.
"""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
