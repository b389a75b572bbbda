"""Blocks of a lazy array that are shown first, computed before napari asks for them.

napari reads what it shows in the window's own thread and waits for it. What is shown when a lazy layer is added
is therefore computed beforehand, in another thread, and kept in the array.
"""

from __future__ import annotations

from itertools import accumulate, product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import dask.array as da
    from napari.components import Dims
    from napari.layers import Layer

    from napari_sr.inference import Progress

__all__ = ["View", "compute_visible", "visible_part"]

View = tuple[int | None, ...]
"""What is shown of a layer: along each of its dimensions an index, or None for all."""


def visible_part(dims: Dims, layer: Layer) -> View:
    """What a viewer shows of a layer.

    Parameters
    ----------
    dims : napari.components.Dims
        Of the viewer.
    layer : napari.layers.Layer
        One of its layers.

    Returns
    -------
    View
        Indices may lie outside of the layer.
    """
    missing = dims.ndim - layer.ndim  # dimensions of other layers come first
    point = layer.world_to_data(np.asarray(dims.point)[missing:])
    shown = {axis - missing for axis in dims.displayed}
    return tuple(None if axis in shown else round(float(point[axis])) for axis in range(layer.ndim))


def compute_visible(array: da.Array, view: View) -> Generator[Progress, None, da.Array]:
    """Compute the blocks that a view shows, one by one.

    Parameters
    ----------
    array : dask array
        With further dimensions after those of the view, if it is RGB(A).
    view : View
        What is shown.

    Returns
    -------
    generator
        Yields after each block, and returns the same lazy array with these blocks in it.
    """
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    from napari_sr.inference import Progress

    where = list(product(*_touched(array.chunks, view)))
    ready: dict[Any, Any] = {}
    yield Progress(0, len(where))
    for location in where:
        block = array.blocks[location].compute(scheduler="synchronous")
        ready[(array.name, *location)] = block
        yield Progress(len(ready), len(where))
    graph = array.dask
    layers = {**graph.layers, array.name: {**graph.layers[array.name], **ready}}
    known = HighLevelGraph(layers, graph.dependencies)
    return da.Array(known, array.name, array.chunks, meta=array)


def _touched(chunks: Sequence[Sequence[int]], view: View) -> list[list[int]]:
    """Along each dimension the numbers of the blocks that a view shows."""
    padded = (*view, *[None] * (len(chunks) - len(view)))
    return [
        list(range(len(sizes))) if index is None else _containing(sizes, index)
        for sizes, index in zip(chunks, padded, strict=True)
    ]


def _containing(sizes: Sequence[int], index: int) -> list[int]:
    """Number of the block that contains an index, in a list; empty if none does."""
    ends = list(accumulate(sizes))
    return [number for number, end in enumerate(ends) if end - sizes[number] <= index < end]
