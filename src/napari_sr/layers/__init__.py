"""napari layers and the engine: what a layer is, where it lies, and its upscaled copy."""

from __future__ import annotations

from napari_sr.layers._snapshot import LayerSnapshot, plane_distance, snapshot
from napari_sr.layers._upscale import (
    plan_snapshot,
    upscale_layer,
    upscale_layer_steps,
    upscale_snapshot_steps,
)
from napari_sr.layers._visible import visible_part

__all__ = [
    "LayerSnapshot",
    "plan_snapshot",
    "plane_distance",
    "snapshot",
    "upscale_layer",
    "upscale_layer_steps",
    "upscale_snapshot_steps",
    "visible_part",
]
