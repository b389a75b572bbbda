"""Time and memory of upscaling from Zarr to OME-Zarr by image size and number of workers.

    python benchmarks/scaling.py --model esr-tm --sizes 256 1024 4096 --workers 0 1 2 --name scaling

Each run is a process of its own. Workers have one thread each; 0 workers means the process itself, with the threads
that OMP_NUM_THREADS sets. Peak memory is the sampled resident memory of all processes together, minus that of the same
call on 64 x 64 pixels (Python, libraries and the model). Processor time is measured, too, since other processes may
prolong the wall time. Rows are added to docs/NAME.csv, and docs/NAME.svg is drawn from all of them.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import dask.array as da
import numpy as np
import psutil
from skimage import data

DOCS = Path(__file__).parents[1] / "docs"
FIELDS = ("model", "scale", "size", "workers", "seconds", "cpu_seconds", "peak_mib", "beyond_mib")
SMALL = 64
"""Side of the image whose memory is subtracted: a single small tile."""


def photograph(size: int) -> da.Array:
    """A square lazy image of any size: a photograph, repeated and mirrored."""
    tile = np.pad(data.camera(), ((0, 512), (0, 512)), mode="symmetric")

    def block(block_info: dict | None = None) -> np.ndarray:
        (y, y_end), (x, x_end) = block_info[None]["array-location"]
        return tile[np.ix_(np.arange(y, y_end) % 1024, np.arange(x, x_end) % 1024)]

    chunks = tuple(min(1024, size - i) for i in range(0, size, 1024))
    return da.map_blocks(block, chunks=(chunks, chunks), dtype=np.uint8)


@contextmanager
def watched(root: psutil.Process):
    """Sample the resident memory and the processor time of a process and all its children."""
    seen = {"peak": 0, "cpu": 0.0}
    before = {each.pid: _used(each) for each in [root, *root.children(recursive=True)]}
    times: dict[int, float] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            total = 0
            with suppress(psutil.Error):
                for process in [root, *root.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += process.memory_info().rss
                        times[process.pid] = _used(process) - before.get(process.pid, 0)
            seen["peak"] = max(seen["peak"], total)
        seen["cpu"] = sum(times.values())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def scheduler(workers: int):
    """A cluster on this machine; yields its address."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def run(folder: Path, args: argparse.Namespace, size: int, workers: int) -> dict[str, float]:
    """One call of the program."""
    from napari_sr.io import write_ome_zarr

    source, target = folder / f"{size}.zarr", folder / "out.zarr"
    if not source.exists():
        write_ome_zarr(source, photograph(size), levels=1)
    program = [sys.executable, "-c", "from napari_sr.cli import main; main()"]
    command = [*program, "upscale", source, "-o", target, "-m", args.model, "-s", str(args.scale)]
    with scheduler(workers) if workers else nullcontext() as address:
        command += ["--overwrite", *(["--dask-scheduler", address] if address else [])]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        # Workers are children of this process, and so is the program.
        with watched(psutil.Process(process.pid if not workers else os.getpid())) as seen:
            code = process.wait()
        seconds = time.perf_counter() - started
    if code:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {code}")
    return {"seconds": seconds, "cpu_seconds": seen["cpu"], "peak_mib": seen["peak"] / 2**20}


def draw(rows: list[dict[str, str]], target: Path) -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "napari-sr"
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    kinds = sorted({(row["model"], int(row["workers"])) for row in rows})
    for model, workers in kinds:
        mine = [r for r in rows if (r["model"], int(r["workers"])) == (model, workers)]
        mine.sort(key=lambda row: int(row["size"]))
        sizes = [int(row["size"]) for row in mine]
        label = f"{model}, {f'{workers} workers' if workers else 'one process'}"
        for panel, column in zip(axes, ("cpu_seconds", "beyond_mib"), strict=True):
            panel.plot(sizes, [float(r[column]) for r in mine], "o-", label=label, markersize=3)
    for panel, title in zip(
        axes, ("processor time (s)", "peak memory beyond the model (MiB)"), strict=True
    ):
        panel.set(title=title, xlabel="side of the image (pixels)")
        panel.set_xscale("log", base=2)
        panel.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    axes[1].legend(fontsize=7)
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="esr-tm")
    parser.add_argument("--scale", type=float, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--workers", type=int, nargs="+", default=[0])
    parser.add_argument("--name", default="scaling")
    args = parser.parse_args()
    table = DOCS / f"{args.name}.csv"
    rows = list(csv.DictReader(table.open())) if table.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        for workers in args.workers:
            least = run(Path(folder), args, SMALL, workers)["peak_mib"]
            for size in args.sizes:
                measured = run(Path(folder), args, size, workers)
                measured["beyond_mib"] = measured["peak_mib"] - least
                known = {"model": args.model, "scale": f"{args.scale:g}"}
                known |= {"size": str(size), "workers": str(workers)}
                rows = [row for row in rows if any(row[key] != known[key] for key in known)]
                rows.append(known | {name: f"{value:.1f}" for name, value in measured.items()})
                print(rows[-1], flush=True)
                with table.open("w", newline="") as file:
                    writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
    draw(rows, DOCS / f"{args.name}.svg")


if __name__ == "__main__":
    main()
