"""Memory of one process that upscales some thousand tiles.

    python benchmarks/soak.py --model esr-tm --tiles 4000

An image is upscaled repeatedly, in turn as an array and as a lazy array, and the resident memory is recorded each time.
Prints the slope of a line through the last three quarters and draws docs/soak.svg.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

import dask.array as da
import numpy as np
import psutil
from skimage import data

from napari_sr import load_model, upscale

DOCS = Path(__file__).parents[1] / "docs"
TILE = 64
"""Side of the tiles: small, so that there are many."""
SIDE = 512
"""Side of the image in pixels."""


def soak(model: str, tiles: int) -> tuple[list[int], list[float]]:
    """Numbers of tiles, and resident memory in MiB, after each image."""
    image, loaded = data.camera()[:SIDE, :SIDE], load_model(model)
    each = (SIDE // TILE) ** 2
    process, done, counts, resident = psutil.Process(), 0, [], []
    while done < tiles:
        lazy = (done // each) % 2
        given = da.from_array(image, chunks=(100, SIDE)) if lazy else image
        np.asarray(upscale(given, 2, loaded, tile=TILE))
        done += each
        gc.collect()
        counts.append(done)
        resident.append(process.memory_info().rss / 2**20)
    return counts, resident


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="esr-tm")
    parser.add_argument("--tiles", type=int, default=4000)
    args = parser.parse_args()
    counts, resident = soak(args.model, args.tiles)
    start = len(counts) // 4  # until then buffers are filled, and modules imported
    slope, _ = np.polyfit(counts[start:], resident[start:], 1)
    late = resident[start:]
    print(
        f"{args.model}: {counts[-1]} tiles of {TILE} x {TILE}; {late[0]:.1f} MiB after {counts[start]}, "
        f"{late[-1]:.1f} MiB at the end, {max(late):.1f} MiB at most; {1000 * slope:+.2f} MiB per 1000 tiles"
    )
    draw(counts, resident, args.model)


def draw(counts: list[int], resident: list[float], model: str) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "napari-sr"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    axes.plot(counts, resident)
    axes.set(xlabel=f"tiles of {TILE} x {TILE} ({model})", ylabel="resident memory (MiB)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(DOCS / "soak.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
