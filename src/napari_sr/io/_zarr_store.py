"""The Zarr groups and arrays of one OME-Zarr image on disk: made, opened, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sr.io._ngff import image_attributes, omero

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sr.io._zarr_layout import ZarrLayout


def create_image(folder: Path, layout: ZarrLayout) -> None:
    """Make an image group with all its levels, still empty.

    Parameters
    ----------
    folder : Path
        Where; replaced if it exists.
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
    group.attrs.update(image_attributes(layout))


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


def describe_channels(folder: Path, layout: ZarrLayout) -> None:
    """Store names, colors and display ranges, which need the pixels to be there.

    Parameters
    ----------
    folder : Path
        An image group whose levels have all been written.
    layout : ZarrLayout
        What it holds.
    """
    import zarr

    group: Any = zarr.open_group(folder, mode="r+")
    limits = _limits(open_level(folder, layout.levels - 1), layout)
    described = omero(layout, limits, _full_range(np.dtype(layout.dtype)))
    if layout.version == "0.5":
        group.attrs["ome"] = {**group.attrs["ome"], "omero": described}
    else:
        group.attrs["omero"] = described


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
