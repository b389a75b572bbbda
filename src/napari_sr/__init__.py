"""Super-resolution: an image in, a larger one out, at the same place and with true intensities.

Importing this package loads neither PyTorch nor Qt nor napari; each name below loads what it needs
when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sr._version import __version__
    from napari_sr.batch import upscale_file
    from napari_sr.evaluation import evaluate
    from napari_sr.inference import Plan, UpscaleOptions, plan, upscale, upscale_image
    from napari_sr.layers import upscale_layer
    from napari_sr.models import list_models, load_model
    from napari_sr.training import fine_tune, train

__all__ = [
    "Plan",
    "UpscaleOptions",
    "__version__",
    "evaluate",
    "fine_tune",
    "list_models",
    "load_model",
    "plan",
    "train",
    "upscale",
    "upscale_file",
    "upscale_image",
    "upscale_layer",
]

_HOMES = {
    "Plan": "napari_sr.inference",
    "UpscaleOptions": "napari_sr.inference",
    "__version__": "napari_sr._version",
    "evaluate": "napari_sr.evaluation",
    "fine_tune": "napari_sr.training",
    "list_models": "napari_sr.models",
    "load_model": "napari_sr.models",
    "plan": "napari_sr.inference",
    "train": "napari_sr.training",
    "upscale": "napari_sr.inference",
    "upscale_file": "napari_sr.batch",
    "upscale_image": "napari_sr.inference",
    "upscale_layer": "napari_sr.layers",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
