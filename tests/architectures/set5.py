"""Set5 by the papers' protocol for networks that see luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from napari_sr.evaluation import psnr
from napari_sr.imaging import bt601_luma

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def luma(path: Path) -> np.ndarray:
    """Luma in [0, 1], not rounded."""
    return bt601_luma(cv2.imread(str(path))[..., ::-1] / 255.0)


def set5_luma_psnr(network: nn.Module, shared: Path) -> float:
    """Mean PSNR on Y of a network that takes Y in [0, 1], small images by MATLAB."""
    folder, scale = shared / "data" / "benchmarks" / "Set5", network.scale
    inside = (slice(scale, -scale),) * 2
    values = []
    for path in sorted((folder / "HR").iterdir()):
        small = luma(folder / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png")
        with torch.inference_mode():
            large = network(torch.from_numpy(small).float()[None, None])[0, 0].double().numpy()
        original = luma(path)[: large.shape[0], : large.shape[1]]
        values.append(psnr(original[inside], large.clip(0, 1)[inside], peak=1.0))
    assert len(values) == 5
    return float(np.mean(values))
