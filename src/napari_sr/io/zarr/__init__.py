"""OME-Zarr, versions 0.1 to 0.5: lazy reading, and writing region by region that survives interruptions."""

from napari_sr.io.zarr._layout import ZarrLayout
from napari_sr.io.zarr._read import read_ome_zarr
from napari_sr.io.zarr._save import write_ome_zarr
from napari_sr.io.zarr._writer import OmeZarrWriter

__all__ = ["OmeZarrWriter", "ZarrLayout", "read_ome_zarr", "write_ome_zarr"]
