"""Differences between tiled and whole images, and the cost of statistics of the whole image.

    python benchmarks/tiling.py [FOLDER] [--only WORD ...] [--rows 448 --columns 96] [--images 14]

FOLDER (default: ``../shared`` beside the checkout) contains ``checkpoints/`` and ``data/benchmarks/Set14``. The input
is a strip of each original of Set14, since its small images are hardly larger than one window. Every result is appended
to ``runs/tiling.jsonl`` at once, and a later call continues; the tables of all results are written to
``docs/tiling.md``. Costs are ratios of processor time within one call, which other processes hardly change.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import alternatives
import numpy as np

from napari_sr._steps import finish
from napari_sr.evaluation import read_rgb
from napari_sr.inference import TorchRunner, execute, plan
from napari_sr.models import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_sr.inference import Plan
    from napari_sr.models import Model

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "runs" / "tiling.jsonl"
PAGE = ROOT / "docs" / "tiling.md"
BEGIN, END = "<!-- benchmarks/tiling.py -->", "<!-- end -->"
NETWORKS = {
    "IMDN": "imdn/IMDN_x4.pth",
    "RFDN": "rfdn/RFDN_AIM.pth",
    "RLFN-S": "rlfn/rlfn_s_x4.pth",
    "RLFN (NTIRE)": "rlfn/rlfn_ntire_x4.pth",
    "BSRN": "bsrn/net_g_BSRN_x4.pth",
    "BSRN-S": "bsrn/net_g_BSRN-S.pth",
    "RepRFN": "reprfn/reprfn_ntire_x4.pth",
    "SAFMN (NTIRE)": "safmn/team15_SAFMN.pth",
    "SMFANet+": "smfanet/SMFANet_plus_DF2K_x4.pth",
}
LOCAL = {
    "LKDN": "lkdn/LKDN_x4.pth",
    "SPAN": "span/team46_span.pth",
    "MSPN": "mspn",
    "MSPN for microscopy": "mspn-microscopy",
    "ECBSR-M10C32": "ecbsr",
    "ECBSR-M4C16": "ecbsr-m4c16",
    "edge-SR TM": "esr-tm",
}
"""Networks with a bounded receptive field, as files or as ids of bundled models."""
TILES = (64, 128, 256)
"""Sides of tiles in small pixels: smaller than a window of these networks, about one, and larger."""
WAYS = ("plain", "seamless", "exact")
"""Tiles as images of their own, and the two modes of the engine."""
ALTERNATIVES = 3
"""Images on which alternatives are measured: their costs hardly depend on the image."""


def main() -> None:
    """Measure what has not been measured yet, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", nargs="*", default=[*NETWORKS, *LOCAL], help="names of networks")
    parser.add_argument("--rows", type=int, default=448)
    parser.add_argument("--columns", type=int, default=96)
    parser.add_argument("--images", type=int, default=14, help="so many of Set14")
    arguments = parser.parse_args()
    rows = known()
    done = {(row["network"], row["image"]) for row in rows}
    paths = sorted((arguments.folder / "data/benchmarks/Set14/HR").iterdir())[: arguments.images]
    for number, path in enumerate(paths):
        strip = middle(read_rgb(path), arguments.rows, arguments.columns)
        for name in arguments.only:
            if (name, path.stem) in done:
                continue
            if name in LOCAL:
                file = arguments.folder / "checkpoints" / LOCAL[name]
                found = measure_local(load_model(file if file.exists() else LOCAL[name]), strip)
            else:
                model = load_model(arguments.folder / "checkpoints" / NETWORKS[name])
                found = measure(model, strip, number < ALTERNATIVES)
            for row in found:
                keep(rows, {"network": name, "image": path.stem, **row})
    write(rows)


def middle(image: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    """The middle of an image, with at most so many rows and columns."""
    top, left = (max(0, (n - m) // 2) for n, m in zip(image.shape, (rows, columns), strict=False))
    return image[top : top + rows, left : left + columns].astype(np.float32) / 255


def measure(model: Model, image: NDArray[np.float32], compare: bool) -> Iterator[dict[str, Any]]:
    """Differences in gray levels of 255 and processor time, for every tile size and way.

    ``compare``: of other ways to gather statistics of the whole image, too.
    """
    whole, _ = timed(planned(model, image, None), image)
    if compare and model.network(4).statistics_layers > 1:
        yield from alternatives.measure(model.network(4), model.card.value_range, image)
    for tile in TILES:
        for way in WAYS:
            made = planned(model, image, tile, "seamless" if way == "plain" else way)
            if made.n_tiles == 1:
                continue
            cut, taken = timed(made, image, positioned=way != "plain")
            yield {"tile": tile, "way": way, **difference(cut, whole), "seconds": taken}


def measure_local(model: Model, image: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    """Differences of a network with a bounded receptive field."""
    whole, _ = timed(planned(model, image, None), image)
    for tile in TILES:
        made = planned(model, image, tile)
        if made.n_tiles > 1:
            tiled, _ = timed(made, image)
            yield {"tile": tile, "way": "local", "halo": made.halo, **difference(tiled, whole)}


def difference(cut: NDArray[Any], whole: NDArray[Any]) -> dict[str, float]:
    """Largest and mean square difference, in gray levels of 255."""
    levels = (cut - whole) * 255
    return {
        "largest": float(np.abs(levels).max()),
        "square": float(np.square(levels, dtype=np.float64).mean()),
    }


def planned(model: Model, image: NDArray[Any], tile: int | None, mode: str = "seamless") -> Plan:
    """A plan that runs tile by tile."""
    made = plan(image, 4, model, tile=tile, tile_mode=mode, device="cpu", measure=False)
    return replace(made, batch=1)


def timed(made: Plan, image: NDArray[Any], positioned: bool = True) -> tuple[NDArray[Any], float]:
    """Result of a plan, and its processor time; without positions, tiles are images of their own."""
    if positioned:
        started = time.process_time()
        result: Any = finish(execute(made, image)).image
        return result, time.process_time() - started
    with patch.object(TorchRunner, "_frame", lambda *_: None):
        return timed(replace(made, statistics_layers=0), image)


def known() -> list[dict[str, Any]]:
    """Results of earlier calls."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def keep(rows: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """Add a result to the list and to the file."""
    rows.append(row)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(row, flush=True)


def write(rows: list[dict[str, Any]]) -> None:
    """Write the tables into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    tables = (differences(rows), local_differences(rows), alternatives.table(rows))
    text = "\n".join([BEGIN, "", *(line for table in tables for line in (*table, "")), END])
    PAGE.write_text(before + text + rest.partition(END)[2], encoding="utf-8")


def differences(rows: list[dict[str, Any]]) -> list[str]:
    """The table of tile sizes."""
    groups: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if "tile" in row:
            groups[row["network"], row["tile"]][row["way"]].append(row)
    lines = [
        "| network | tile | images | plain | seamless | cost | exact | cost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {tile} | {len(group['exact'])} | {cells(group)} |"
        for name in NETWORKS
        for tile in TILES
        if (group := groups.get((name, tile)))
    ]
    return lines


def local_differences(rows: list[dict[str, Any]]) -> list[str]:
    """The table of networks with a bounded receptive field."""
    lines = [
        "| network | halo | images | " + " | ".join(f"tile {tile}" for tile in TILES) + " |",
        "|---|---|---|" + "---|" * len(TILES),
    ]
    for name in LOCAL:
        own = [row for row in rows if row["network"] == name]
        if not own:
            continue
        parts = [cell([row for row in own if row["tile"] == tile]) for tile in TILES]
        images = len({row["image"] for row in own})
        lines.append(f"| {name} | {own[0]['halo']} | {images} | {' | '.join(parts)} |")
    return lines


def cell(rows: list[dict[str, Any]]) -> str:
    """Largest and RMS difference over all images; a dash where each image is a single tile."""
    if not rows:
        return "–"
    largest = max(row["largest"] for row in rows)
    rms = np.mean([row["square"] for row in rows]) ** 0.5
    return f"{largest:.2g} / {rms:.2g}"


def cells(group: dict[str, list[dict[str, Any]]]) -> str:
    """Largest and RMS difference of each way, and its time relative to plain tiles."""
    cost = {way: sum(row["seconds"] for row in group[way]) for way in WAYS}
    parts = []
    for way in WAYS:
        parts.append(cell(group[way]))
        if way != "plain":
            parts.append(f"{cost[way] / cost['plain']:.2f}")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
