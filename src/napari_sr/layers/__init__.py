"""Layers of napari: captured as values, upscaled, and made into new layers at the same place in the world."""

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
