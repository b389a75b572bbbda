"""The Zarr groups and arrays of one OME-Zarr image on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.io.zarr._metadata import image_attributes, omero

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_sr.io.zarr._layout import ZarrLayout

__all__ = ["complete_metadata", "create_image", "open_level"]


def create_image(folder: Path, layout: ZarrLayout) -> None:
    """Create an image group with all its levels, still without pixels.

    Parameters
    ----------
    folder : Path
        The target; replaced if it exists.
    layout : ZarrLayout
        Shapes, chunks, metadata, and which version of NGFF and so of Zarr.
    """
    import zarr

    v2 = layout.version == "0.4"
    group: Any = zarr.open_group(folder, mode="w", zarr_format=2 if v2 else 3)
    for level in range(layout.levels):
        shape = layout.level_shape(level)
        group.create_array(
            str(level),
            shape=shape,
            chunks=tuple(min(c, n) for c, n in zip(layout.chunks, shape, strict=True)),
            dtype=layout.dtype,
            chunk_key_encoding={"name": "v2" if v2 else "default", "separator": "/"},
            dimension_names=None if v2 else [axis.lower() for axis in layout.axes],
        )


def open_level(folder: Path, level: int) -> Any:
    """Open one level for reading and writing.

    Parameters
    ----------
    folder : Path
        An image group.
    level : int
        0 is the finest.

    Returns
    -------
    zarr.Array
        The pixels.
    """
    import zarr

    return zarr.open_array(folder / str(level), mode="r+")


def complete_metadata(folder: Path, layout: ZarrLayout, record: Mapping[str, Any]) -> None:
    """Store the metadata of an image whose levels have all been written.

    Parameters
    ----------
    folder : Path
        An image group.
    layout : ZarrLayout
        Its axes, placement and channels. Display ranges that it does not give are measured on the coarsest level.
    record : mapping
        How the image was made, as JSON can hold it.
    """
    import zarr

    limits = _limits(open_level(folder, layout.levels - 1), layout)
    attributes = image_attributes(layout, record)
    ngff = attributes["ome"] if layout.version == "0.5" else attributes
    ngff["omero"] = omero(layout, limits, _full_range(np.dtype(layout.dtype)))
    zarr.open_group(folder, mode="r+").attrs.update(attributes)


def _limits(coarse: Any, layout: ZarrLayout) -> list[tuple[float, float]]:
    """Smallest and largest intensity of the coarsest level, for each channel."""
    axis = layout.axes.find("C")
    count = layout.shape[axis] if axis >= 0 else 1
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    for region in layout.regions(layout.levels - 1):
        block = np.asarray(coarse[region], np.float64)
        planes = np.moveaxis(block, axis, 0) if axis >= 0 else block[None]
        flat = planes.reshape(len(planes), -1)
        known = np.isfinite(flat)
        there = region[axis] if axis >= 0 else slice(None)
        low[there] = np.minimum(low[there], np.min(flat, axis=1, where=known, initial=np.inf))
        high[there] = np.maximum(high[there], np.max(flat, axis=1, where=known, initial=-np.inf))
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return [(a, b) if a <= b else (0.0, 1.0) for a, b in pairs]


def _full_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind in "iu":
        return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    return 0.0, 1.0
