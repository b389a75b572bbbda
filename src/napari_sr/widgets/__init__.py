"""Dock widgets of napari: they gather options, show the plan, start the run and add the layers.

Everything that needs no Qt is computed in other rooms.
"""

from napari_sr.widgets._fine_tune import FineTuneWidget
from napari_sr.widgets._models import ModelsWidget
from napari_sr.widgets._open import open_images
from napari_sr.widgets._upscale import UpscaleWidget, open_upscale

__all__ = ["FineTuneWidget", "ModelsWidget", "UpscaleWidget", "open_images", "open_upscale"]
