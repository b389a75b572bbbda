"""Result of an evaluation, as frozen data: a score for each image, their means, a table and JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """How close one upscaled image came to the original."""

    image: str
    """File name without folder."""
    psnr: float
    """Decibels; infinite where both images are equal."""
    ssim: float
    """Structural similarity, at most 1."""
    replaced_pixels: int = 0
    """Pixels of the small image for which bicubic replaced the network's output, because it strayed from the image."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of one model on one set of images at one scale."""

    model: str
    """Id in the catalog, or the path of a checkpoint."""
    scale: int
    """Output pixels per input pixel."""
    dataset: str
    """Where the originals came from."""
    rows: tuple[Score, ...]
    """A score for each image, in the order of their names."""
    seconds: float
    """Time spent upscaling, without reading and measuring."""
    protocol: str = "rgb8"
    """What was compared: see `napari_sr.evaluate`."""
    low_resolution: str = "MATLAB bicubic"
    """Where the small images came from."""

    @property
    def psnr(self) -> float:
        """Mean of the images' PSNR in decibels, as the papers average it."""
        return _mean([row.psnr for row in self.rows])

    @property
    def ssim(self) -> float:
        """Mean of the images' SSIM."""
        return _mean([row.ssim for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; an infinite PSNR becomes None, which JSON can hold.

        Returns
        -------
        dict
            ``model``, ``scale``, ``dataset``, ``protocol``, ``low_resolution``, ``psnr``,
            ``ssim``, ``seconds`` and ``images``, a list of dicts with the fields of `Score`.
        """
        return {
            "model": self.model,
            "scale": self.scale,
            "dataset": self.dataset,
            "protocol": self.protocol,
            "low_resolution": self.low_resolution,
            "psnr": _finite(self.psnr),
            "ssim": self.ssim,
            "seconds": self.seconds,
            "images": [asdict(row) | {"psnr": _finite(row.psnr)} for row in self.rows],
        }

    def to_json(self) -> str:
        """Everything as JSON text.

        Returns
        -------
        str
            `to_dict`, indented.
        """
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def table(self) -> str:
        """Scores as plain text: a line for each image, then their means.

        Returns
        -------
        str
            Columns image, PSNR in dB, SSIM.
        """
        rows = [*self.rows, Score("mean", self.psnr, self.ssim)]
        width = max(len(row.image) for row in rows)
        head = f"{self.model}, x{self.scale}, {self.dataset}"
        lines = [f"{row.image:<{width}}  {row.psnr:7.3f} dB  {row.ssim:.4f}" for row in rows]
        return "\n".join([head, *lines])


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if math.isfinite(sum(values)) else math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
