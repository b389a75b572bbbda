"""Quality of images that were enlarged along one axis only, by a network and by bicubic.

    python benchmarks/isotropic.py [FOLDER] [--model ecbsr] [--factors 3 4]

FOLDER (default: ``../shared`` beside the checkout) contains ``data/``. Photographs (Set14, luma) and microscopy images
are reduced bicubically along Y and enlarged again. Mean PSNR in dB, without a border of 8 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_sr import upscale
from napari_sr.evaluation import read_rgb
from napari_sr.imaging import bt601_luma, imresize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
PHOTOGRAPHS = ("comic", "face", "zebra")
"""Images of Set14 with fine, smooth and regular detail."""
SIDE = 160
"""Side of the part of each image that is used, in pixels."""
BORDER = 8
"""Pixels at each border that are left out."""
EVERY = 60
"""One of so many microscopy images is used."""


def main() -> None:
    """Measure and print one line for each factor and kind of image."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--model", default="ecbsr")
    parser.add_argument("--factors", type=int, nargs="*", default=[3, 4])
    arguments = parser.parse_args()
    for kind in (photographs, microscopy):
        images = list(kind(arguments.folder / "data"))
        for factor in arguments.factors:
            pairs = [
                [quality(image, factor, model) for model in ("bicubic", arguments.model)]
                for image in images
            ]
            plain, network = np.mean(pairs, axis=0)
            better = sum(ours > theirs for theirs, ours in pairs)
            print(
                f"{kind.__name__} x{factor}: bicubic {plain:.2f}, {arguments.model} {network:.2f}, "
                f"better on {better} of {len(images)}"
            )


def photographs(folder: Path) -> Iterator[NDArray[np.float64]]:
    """Luma of corners of photographs, 0 to 255."""
    for name in PHOTOGRAPHS:
        image = read_rgb(folder / "benchmarks/Set14/HR" / f"{name}.png")[:SIDE, :SIDE]
        yield 255 * bt601_luma(image / 255.0)


def microscopy(folder: Path) -> Iterator[NDArray[np.float64]]:
    """Corners of microscopy images, 0 to 255."""
    for path in sorted((folder / "train_microscopy").glob("*.png"))[::EVERY]:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        yield image[:SIDE, :SIDE].astype(np.float64)


def quality(image: NDArray[np.float64], factor: int, model: str) -> float:
    """PSNR of an image that was reduced and enlarged again along Y."""
    image = image[: len(image) // factor * factor]
    coarse = imresize(image, 1 / factor, axes=(0,)).clip(0, 255).astype(np.float32)
    fine = upscale(coarse, (factor, 1), model, intensity_range=(0, 255)).clip(0, 255)
    error = (fine - image)[BORDER:-BORDER, BORDER:-BORDER]
    return float(20 * np.log10(255 / np.sqrt(np.mean(error**2))))


if __name__ == "__main__":
    main()
