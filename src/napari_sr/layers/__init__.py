"""napari layers and the engine: what a layer is, where it lies, and its upscaled copy."""

from __future__ import annotations

from napari_sr.layers._anisotropy import plane_distance
from napari_sr.layers._remarks import listening
from napari_sr.layers._snapshot import LayerSnapshot, snapshot
from napari_sr.layers._upscale import (
    plan_snapshot,
    upscale_layer,
    upscale_layer_steps,
    upscale_snapshot_steps,
)
from napari_sr.layers._visible import visible_part

__all__ = [
    "LayerSnapshot",
    "listening",
    "plan_snapshot",
    "plane_distance",
    "snapshot",
    "upscale_layer",
    "upscale_layer_steps",
    "upscale_snapshot_steps",
    "visible_part",
]
