"""Where a result goes in the layer list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import LayerList
    from napari.layers import Layer

__all__ = ["insert_companions", "insert_result"]


def insert_result(layers: LayerList, result: Layer, source: Layer, before: Layer | None) -> None:
    """Put a result above its source, or on top if the source is gone.

    It becomes the selected layer, as new layers do, unless the user has meanwhile turned to another one: what somebody
    is painting on is not taken from under the brush.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    result : napari.layers.Layer
        The new layer; it gets another name if its name is taken.
    source : napari.layers.Layer
        The layer that was upscaled.
    before : napari.layers.Layer or None
        The layer that was selected when the run began.
    """
    active = layers.selection.active
    elsewhere = active is not None and active != before
    index = layers.index(source) + 1 if source in layers else len(layers)
    layers.insert(index, result)
    layers.selection.active = active if elsewhere else result


def insert_companions(layers: LayerList, companions: Iterable[Layer], result: Layer) -> None:
    """Put what belongs to a result above it; what is selected stays so.

    Parameters
    ----------
    layers : napari.components.LayerList
        Of the viewer.
    companions : iterable of napari.layers.Layer
        The layers to add.
    result : napari.layers.Layer
        In the viewer.
    """
    active = layers.selection.active
    for companion in companions:
        layers.insert(layers.index(result) + 1, companion)
        layers.selection.active = active
