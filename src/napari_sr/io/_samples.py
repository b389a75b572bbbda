"""Sample images: real and free ones from the wheel of scikit-image, so that nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sr.errors import FileReadError, InputError

if TYPE_CHECKING:
    from napari_sr.imaging import SpatialImage

__all__ = ["SAMPLES", "Sample", "sample_image"]

PUBLIC_DOMAIN = "Public domain, no known copyright restrictions"
"""License of several samples, in the words of scikit-image's list of sources."""
CC0 = "CC0 1.0"
"""License of several samples: no rights reserved."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Facts about a sample image; licenses and sources as scikit-image states them."""

    id: str
    title: str
    """Shown in napari's menu."""
    file: str
    """Name in scikit-image's data folder."""
    source: str
    license: str
    pixel_size: float | None = None
    """Micrometers per pixel, where known."""


SAMPLES = {
    sample.id: sample
    for sample in (
        Sample(
            "cell",
            "Cell in saline (quantitative phase, 0.107 µm)",
            "cell.png",
            "P. Müller et al., Optics Express 26(8):10729 (2018), doi:10.1364/OE.26.010729",
            CC0,
            pixel_size=0.107,
        ),
        Sample(
            "immunohistochemistry",
            "Colon tissue (immunohistochemistry)",
            "ihc.png",
            "Center for Microscopy and Molecular Imaging (CMMI)",
            "No known copyright restrictions",
        ),
        Sample(
            "retina",
            "Retina (fundus photograph)",
            "retina.jpg",
            "M. Häggström, WikiJournal of Medicine 1(2) (2014), doi:10.15347/wjm/2014.008",
            CC0,
        ),
        Sample(
            "microaneurysms",
            "Retina with lesions (green channel)",
            "microaneurysms.png",
            "A. Budai et al., High-Resolution Fundus Image Database, doi:10.1155/2013/154860",
            CC0,
        ),
        Sample(
            "hubble_deep_field",
            "Hubble eXtreme Deep Field",
            "hubble_deep_field.jpg",
            "NASA, hubblesite.org, release 2012-37",
            "Public domain (NASA media guidelines)",
        ),
        Sample(
            "astronaut",
            "Eileen Collins, astronaut",
            "astronaut.png",
            "NASA Great Images database, https://flic.kr/p/r9qvLn",
            PUBLIC_DOMAIN,
        ),
        Sample(
            "rocket",
            "Falcon 9 launch",
            "rocket.jpg",
            "SpaceX Photos, https://www.flickr.com/photos/spacexphotos/16511594820",
            "Public domain",
        ),
        Sample("camera", "Photographer (gray)", "camera.png", "Lav Varshney", CC0),
        Sample(
            "coins",
            "Greek coins from Pompeii (gray)",
            "coins.png",
            "Brooklyn Museum, https://www.brooklynmuseum.org/opencollection/archives/image/51611",
            "No known copyright restrictions",
        ),
        Sample("chelsea", "Chelsea the cat", "chelsea.png", "Stefan van der Walt", CC0),
        Sample("coffee", "Coffee cup", "coffee.png", "Rachel Michetti, Pikolo Espresso Bar", CC0),
        Sample(
            "text",
            "Printed text (gray)",
            "text.png",
            "https://en.wikipedia.org/wiki/File:Corner.png",
            PUBLIC_DOMAIN,
        ),
    )
}
"""All sample images by id."""


def sample_image(name: str) -> SpatialImage:
    """Read a sample image; no network is used.

    Parameters
    ----------
    name : str
        A key of `SAMPLES`, such as ``"cell"``.

    Returns
    -------
    SpatialImage
        uint8, gray or RGB, with its pixel size where that is known; ``metadata`` has ``"source"`` and ``"license"``.

    Raises
    ------
    InputError
        If there is no such sample.
    FileReadError
        If scikit-image was installed without it.
    """
    if name not in SAMPLES:
        raise InputError(f"no sample image {name!r}; there are {', '.join(SAMPLES)}")
    from napari_sr.io._raster import read_raster

    sample = SAMPLES[name]
    image = read_raster(_data_folder() / sample.file)
    about = {"source": sample.source, "license": sample.license}
    image = replace(image, name=name, metadata={**image.metadata, **about})
    if sample.pixel_size is None:
        return image
    return replace(
        image, scale=(sample.pixel_size, sample.pixel_size), units=("micrometer", "micrometer")
    )


def _data_folder() -> Path:
    spec = find_spec("skimage")  # finds it without importing it
    if spec is None or spec.origin is None:
        raise FileReadError("sample images come with scikit-image; pip install scikit-image")
    return Path(spec.origin).parent / "data"
