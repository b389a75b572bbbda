"""Cost of the bicubic fallback: time of its check relative to that of the network.

    python benchmarks/fallback.py [FOLDER] [--side 256] [--rounds 7] [--only WORD ...]

FOLDER (default: ``../shared`` beside the checkout) contains ``checkpoints/``; the bundled models are measured, too. The
quickest round of the network and of the check count, in processor time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_sr.inference import TorchRunner, WindowPositions
from napari_sr.inference._composite import BicubicFallback, FallbackCounter
from napari_sr.models import list_models, load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_sr.models import Model

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = ("Small and fast", "Best quality", "Microscopy")
"""Groups of cards whose models are part of the package."""
FILES = (
    "imdn/IMDN_x4.pth",
    "rfdn/RFDN_AIM.pth",
    "rlfn/rlfn_s_x4.pth",
    "bsrn/net_g_BSRN_x4.pth",
    "bsrn/net_g_BSRN-S.pth",
    "reprfn/reprfn_ntire_x4.pth",
    "safmn/team15_SAFMN.pth",
    "smfanet/SMFANet_plus_DF2K_x4.pth",
    "lkdn/LKDN_x4.pth",
    "span/team46_span.pth",
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[""], help="words of names")
    arguments = parser.parse_args()
    print("| model | scale | network (ms) | check (ms) | cost |\n|---|---|---|---|---|")
    bundled = [card.id for card in list_models() if card.group in BUNDLED]
    for name in (*bundled, *(arguments.folder / "checkpoints" / file for file in FILES)):
        if not any(word in str(name) for word in arguments.only):
            continue
        model = load_model(name)
        for scale in model.scales:
            print(row(model, scale, arguments.side, arguments.rounds), flush=True)


def row(model: Model, scale: int, side: int, rounds: int) -> str:
    """Both times, and their ratio."""
    network = model.network(scale)
    runner = TorchRunner(network, model.card.value_range, "cpu", "float32")
    x = torch.rand(1, int(network.in_channels), side, side) / 4 + 0.4
    positions = WindowPositions((side, side), ((0, 0),), ((0, 0, side, side),))
    with torch.inference_mode():
        y = runner(x, positions)
        alone = quickest(lambda: runner(x, positions), rounds)
        checked = BicubicFallback(Constant(scale, y), FallbackCounter())
        check = quickest(lambda: checked(x, positions), 5 * rounds)
    return (
        f"| {model.id} | x{scale} | {1000 * alone:.0f} | {1000 * check:.1f} | {check / alone:.1%} |"
    )


class Constant:
    """Returns an output that was computed before, so that only the check takes time."""

    def __init__(self, scale: int, output: Tensor) -> None:
        self.scale, self._output = scale, output

    def __call__(self, batch: Tensor, positions: WindowPositions) -> Tensor:
        """The output."""
        return self._output


def quickest(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the quickest round."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main()
