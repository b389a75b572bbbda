"""The functions that napari calls: read a path, write a layer, open a sample."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sr.io._layer_data import from_layer_data, to_layer_data
from napari_sr.io._read import READABLE_SUFFIXES, read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_sr.io._layer_data import LayerData


def get_reader(
    path: str | Sequence[str],
) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Tell napari whether, and with what, a path is read.

    Parameters
    ----------
    path : str or sequence of str
        A file, an OME-Zarr folder, or several to be stacked, which is left to napari's own reader.

    Returns
    -------
    callable or None
        `read_layers`, or None for what is not one of `READABLE_SUFFIXES`.
    """
    if not isinstance(path, str) or "://" in path:
        return None
    return read_layers if path.lower().rstrip("/\\").endswith(READABLE_SUFFIXES) else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read all images of a file as layer tuples.

    Parameters
    ----------
    path : str
        A file or an OME-Zarr folder.

    Returns
    -------
    list of tuple
        One; of an OME-TIFF one for each of its images.

    Raises
    ------
    FileReadError
        As `read_image`.
    """
    file = Path(str(path))
    image = read_image(file)
    found = [to_layer_data(image)]
    if image.metadata.get("format") == "OME-TIFF":
        for series in range(1, image.metadata["series"]):
            further = read_image(file, series=series)
            found.append(to_layer_data(replace(further, name=f"{further.name} [{series}]")))
    return found


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one image layer; the suffix of the path says how.

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


def open_sample(name: str) -> list[LayerData]:
    """Open a sample image.

    Parameters
    ----------
    name : str
        A key of `napari_sr.io.SAMPLES`.

    Returns
    -------
    list of tuple
        One layer.
    """
    from napari_sr.io._samples import sample_image

    return [to_layer_data(sample_image(name))]


# a manifest can name functions but not their arguments
cell = partial(open_sample, "cell")
immunohistochemistry = partial(open_sample, "immunohistochemistry")
retina = partial(open_sample, "retina")
microaneurysms = partial(open_sample, "microaneurysms")
hubble_deep_field = partial(open_sample, "hubble_deep_field")
astronaut = partial(open_sample, "astronaut")
rocket = partial(open_sample, "rocket")
camera = partial(open_sample, "camera")
coins = partial(open_sample, "coins")
chelsea = partial(open_sample, "chelsea")
coffee = partial(open_sample, "coffee")
text = partial(open_sample, "text")
