"""Hashes of a few images upscaled by every bundled model and three official ones, to compare two states of the code.

    python benchmarks/outputs.py --write outputs.json          # with the state that is known to be correct
    python benchmarks/outputs.py --compare outputs.json        # with the other one, on the same machine

Tiles of 64 pixels and batches as planned; float32. Results of other processors differ in their last bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage import data as samples

from napari_sr import list_models, load_model, plan
from napari_sr._steps import finish
from napari_sr.inference import execute

OFFICIAL = ("bsrn/net_g_BSRN_x4.pth", "imdn/IMDN_x4.pth", "rlfn/rlfn_s_x4.pth")
"""Networks with attention, the second with statistics of the whole image."""
SIDE = 150
"""Height of the images: several tiles, the last one shorter."""


def images() -> dict[str, tuple[np.ndarray, str]]:
    """Grey, RGB, 16 bits, floating point with NaN, and a stack, with their axes."""
    rgb = samples.astronaut()[40 : 40 + SIDE, 180:350]
    grey = samples.camera()[100 : 100 + SIDE, 150:320]
    cells = samples.cell()[200 : 200 + SIDE, 150:320].astype(np.uint16) * 257
    holes = grey.astype(np.float32) / 100 - 1
    holes[20:23, 30:34] = np.nan
    holes[100, 90] = np.inf
    stack = np.stack([cells[:70, :80], cells[60:130, 80:160], cells[10:80, 30:110]])
    return {
        "grey": (grey, "YX"),
        "rgb": (rgb, "YXS"),
        "uint16": (cells, "YX"),
        "float with NaN": (holes, "YX"),
        "stack": (stack, "ZYX"),
    }


def digests(checkpoints: Path, batches: dict[str, int]) -> dict[str, dict[str, object]]:
    """Hash, batch and shape of each result by the name of its case."""
    models = [card.id for card in list_models() if card.group not in ("Published", "Mine")]
    models += [str(checkpoints / each) for each in OFFICIAL if (checkpoints / each).is_file()]
    found: dict[str, dict[str, object]] = {}
    for name in models:
        model = load_model(Path(name) if "/" in name else name)
        for scale in (*model.scales, 2.5):
            for title, (image, axes) in images().items():
                made = plan(
                    image,
                    scale,
                    model,
                    axes=axes,
                    tile=64,
                    device="cpu",
                    precision="float32",
                    measure=False,
                )
                case = f"{Path(name).name} x{scale:g} {title}"
                made = replace(made, batch=batches.get(case, made.batch))
                out = finish(execute(made, image)).image
                digest = hashlib.sha256(np.ascontiguousarray(out).tobytes()).hexdigest()
                found[case] = {"sha256": digest, "batch": made.batch, "shape": list(out.shape)}
                print(f"{case}: {digest[:16]}", file=sys.stderr)
    return found


def main() -> None:
    """Write hashes, or compare with some written before."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoints", type=Path, default=Path("../shared/checkpoints"))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args()
    before = json.loads(options.compare.read_text()) if options.compare else {}
    now = digests(options.checkpoints, {case: entry["batch"] for case, entry in before.items()})
    if options.write:
        options.write.write_text(json.dumps(now, indent=1))
    if options.compare:
        different = [case for case, entry in now.items() if before.get(case) != entry]
        missing = sorted(before.keys() - now.keys())
        print(f"{len(now) - len(different)} of {len(now)} equal bit for bit")
        for case in (*different, *(f"{each} (missing now)" for each in missing)):
            print(f"differs: {case}")
        sys.exit(bool(different or missing))


if __name__ == "__main__":
    main()
