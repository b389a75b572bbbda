"""Export of models to other programs: TorchScript, ONNX, safetensors and bioimage.io packages.

Every file is run once written and compared with the model; a file whose output differs is deleted.
"""

from __future__ import annotations

from napari_sr.models.export._export import FORMATS, Exported, Format, export_model

__all__ = ["FORMATS", "Exported", "Format", "export_model"]
