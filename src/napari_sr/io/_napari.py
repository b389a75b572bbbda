"""The functions that napari calls: read a path or a sample, write a layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr.io._layer_data import from_layer_data, to_layer_data
from napari_sr.io._read import READABLE_SUFFIXES, is_ome_zarr, read_image
from napari_sr.io._remarks import REMARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.io._layer_data import LayerData

__all__ = ["SAMPLE_SCHEME", "get_reader", "get_sample_reader", "read_layers", "write_layer"]

SAMPLE_SCHEME = "napari-sr://sample/"
"""Precedes the id of a sample image in the manifest. napari opens samples that are addresses with a reader, so that one
function serves them all; functions in a manifest take no arguments."""


def get_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Tell napari whether a path can be read, and by which function.

    Parameters
    ----------
    path : str or sequence of str
        A file or an OME-Zarr folder. Several paths, which are to be stacked, are left to napari's own reader.

    Returns
    -------
    callable or None
        `read_layers`, or None for what has none of `READABLE_SUFFIXES` and is not a group within an OME-Zarr.
    """
    if not isinstance(path, str) or "://" in path:
        return None
    readable = path.lower().rstrip("/\\").endswith(READABLE_SUFFIXES) or is_ome_zarr(path)
    return read_layers if readable else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read all images of a file as layer tuples.

    Parameters
    ----------
    path : str
        A file or an OME-Zarr folder.

    Returns
    -------
    list of tuple
        For each image of the file one. napari shows what should be known about the reading as a notification.

    Raises
    ------
    FileReadError
        As `read_image`.
    """
    file = Path(str(path))
    images = [read_image(file)]
    for series in range(1, images[0].metadata.get("series", 1)):
        further = read_image(file, series=series)
        images.append(replace(further, name=f"{further.name} [{series}]"))
    for remark in dict.fromkeys(
        each for image in images for each in image.metadata.get(REMARKS, ())
    ):
        _show(remark)
    return [to_layer_data(image) for image in images]


def _show(remark: str) -> None:
    from napari.utils.notifications import show_info

    show_info(remark)


def get_sample_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Tell napari that sample images can be read, and by which function.

    Parameters
    ----------
    path : str or sequence of str
        `SAMPLE_SCHEME` and a key of `napari_sr.io.SAMPLES`.

    Returns
    -------
    callable or None
        A function that reads the sample as one layer; None for other addresses.
    """
    if not isinstance(path, str) or not path.startswith(SAMPLE_SCHEME):
        return None

    def read_sample(path: str | Sequence[str]) -> list[LayerData]:
        from napari_sr.io._samples import sample_image

        return [to_layer_data(sample_image(str(path).removeprefix(SAMPLE_SCHEME)))]

    return read_sample


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one image layer in the format that the suffix of the path names.

    Parameters
    ----------
    path : str
        One of `napari_sr.io.WRITABLE_SUFFIXES`.
    data : array or sequence of array
        Of the layer.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    FileWriteError
        As `napari_sr.io.write_image`.
    """
    from napari_sr.io._write import write_image

    return [str(write_image(path, from_layer_data(data, attributes)))]
