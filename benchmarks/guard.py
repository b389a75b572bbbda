"""What the guard costs: its time relative to that of the network which it guards.

    python benchmarks/guard.py [FOLDER] [--side 256] [--rounds 7]

FOLDER (default: ``../shared`` beside the checkout) holds ``checkpoints/``; the bundled models are measured, too. The
network's quickest round counts, and the quickest of the guard's, in seconds of the processor.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from napari_sr.inference._guard import Guarded, Tally

from napari_sr.inference import Place, TorchRunner
from napari_sr.models import list_models, load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_sr.models import Model

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = ("Small and fast", "Best quality", "Microscopy")
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
    arguments = parser.parse_args()
    print("| model | scale | network (ms) | guard (ms) | cost |\n|---|---|---|---|---|")
    bundled = [card.id for card in list_models() if card.group in BUNDLED]
    for name in (*bundled, *(arguments.folder / "checkpoints" / file for file in FILES)):
        model = load_model(name)
        for scale in model.scales:
            print(row(model, scale, arguments.side, arguments.rounds), flush=True)


def row(model: Model, scale: int, side: int, rounds: int) -> str:
    """Both times, and their ratio."""
    network = model.network(scale)
    runner = TorchRunner(network, model.card.value_range, "cpu", "float32")
    x = torch.rand(1, int(network.in_channels), side, side) / 4 + 0.4
    place = Place((side, side), ((0, 0),), ((0, 0, side, side),))
    with torch.inference_mode():
        y = runner(x, place)
        alone = quickest(lambda: runner(x, place), rounds)
        guarded = Guarded(Answer(scale, y), Tally())
        guard = quickest(lambda: guarded(x, place), 5 * rounds)
    return (
        f"| {model.id} | x{scale} | {1000 * alone:.0f} | {1000 * guard:.1f} | {guard / alone:.1%} |"
    )


class Answer:
    """Gives an answer that was given before, so that the guard alone takes time."""

    def __init__(self, scale: int, answer: Tensor) -> None:
        self.scale, self._answer = scale, answer

    def __call__(self, batch: Tensor, place: Place) -> Tensor:
        """The answer."""
        return self._answer


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
