"""Dock widgets: they gather options, show what will happen, start it and add the layer.

Whatever can be computed without Qt is computed elsewhere.
"""

from __future__ import annotations

from napari_sr.widgets._command import open_upscale
from napari_sr.widgets._fine_tune import FineTuneWidget
from napari_sr.widgets._models import ModelsWidget
from napari_sr.widgets._open import open_images
from napari_sr.widgets._upscale import UpscaleWidget

__all__ = ["FineTuneWidget", "ModelsWidget", "UpscaleWidget", "open_images", "open_upscale"]
