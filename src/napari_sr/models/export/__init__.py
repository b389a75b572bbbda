"""Models for other programs: TorchScript, ONNX, safetensors and bioimage.io packages.

Every file is run after it was written and compared with the model; what differs is not kept.
"""

from __future__ import annotations

from napari_sr.models.export._export import Exported, export_model
from napari_sr.models.export._formats import FORMATS, Format

__all__ = ["FORMATS", "Exported", "Format", "export_model"]
