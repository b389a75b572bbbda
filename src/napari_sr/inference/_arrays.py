"""Arrays: which of them lie in chunks that are read when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import dask.array as da


def is_lazy(image: Any) -> bool:
    """Whether an array lies in chunks that are read when needed: dask, Zarr, HDF5."""
    return not isinstance(image, np.ndarray) and getattr(image, "chunks", None) is not None


def as_dask(image: Any) -> da.Array:
    """A chunked array as dask array."""
    import dask.array as da

    return image if isinstance(image, da.Array) else da.from_array(image, chunks=image.chunks)
