"""Official checkpoints, measured by this project and compared with the code of their authors.

    python benchmarks/official_table.py [FOLDER] [--only WORD ...] [--output docs/official_checkpoints.md]

FOLDER (default: ``../shared`` beside the checkout) contains ``checkpoints/``, ``data/benchmarks/Set5`` and ``Set14``.
Each file is loaded like a user's own file: its architecture is detected from its tensors, its value range is found, and
`napari_sr.evaluate` runs it on whole images. Reference scores were measured with the code of the authors on the same
images; a dash means that there is none.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_sr import evaluate, load_model
from napari_sr.evaluation import evaluation_luma, find_pairs, read_pair, score
from napari_sr.imaging import imresize
from napari_sr.models import Model, count_cost

ROOT = Path(__file__).resolve().parents[1]
FRAME = 1280, 720
"""Width and height of the output for which papers count multiply-adds."""


@dataclass(frozen=True)
class Reference:
    """Scores and multiply-adds by the code of the authors; None where not measured."""

    name: str
    set5: float | None = None
    set14: float | None = None
    macs: float | None = None
    ssim5: float | None = None
    ssim14: float | None = None


REFERENCES = {
    "imdn/IMDN_x4.pth": Reference("IMDN", 32.210, 28.582, 40.89, 0.8948, 0.7811),
    "imdn/model_RTC.pth": Reference("IMDN_RTC", 37.311, 32.970),
    "rfdn/RFDN_AIM.pth": Reference("RFDN (AIM 2020)", 32.159, 28.645, 23.76),
    "bsrn/net_g_BSRN_x4.pth": Reference("BSRN", 32.349, 28.735, 19.18),
    "bsrn/net_g_BSRN-S.pth": Reference("BSRN-S", 32.157, 28.633, 8.29),
    "rlfn/rlfn_x4.pth": Reference("RLFN", 32.238, 28.621, 29.82),
    "rlfn/rlfn_s_x4.pth": Reference("RLFN-S", 32.240, 28.623, 25.59),
    "rlfn/rlfn_ntire_x4.pth": Reference("RLFN (NTIRE 2022)", 32.097, 28.598, 17.28),
    "reprfn/reprfn_ntire_x4.pth": Reference("RepRFN", 32.196, 28.648, 22.13),
    "lkdn/LKDN_x2.pth": Reference("LKDN", 38.114),
    "lkdn/LKDN_x4.pth": Reference("LKDN", 32.390, 28.796),
    "safmn/team15_SAFMN.pth": Reference("SAFMN (NTIRE 2023)", 32.164, 28.632, 13.53),
    "smfanet/SMFANet_DF2K_x4.pth": Reference("SMFANet (DF2K)", 32.252, 28.705),
    "smfanet/SMFANet_plus_DF2K_x2.pth": Reference("SMFANet+ (DF2K)", 38.185),
    "smfanet/SMFANet_plus_DF2K_x3.pth": Reference("SMFANet+ (DF2K)", 34.665),
    "smfanet/SMFANet_plus_DF2K_x4.pth": Reference("SMFANet+ (DF2K)", 32.511, 28.866),
    "span/team46_span.pth": Reference("SPAN (NTIRE 2025)", 31.736, 28.403),
    "srvgg/realesr-animevideov3.pth": Reference("Real-ESRGAN animevideo v3", 28.23),
    "fsrcnn/yjn870_fsrcnn_x4.pth": Reference("FSRCNN (yjn870)", 30.513, 27.553, 0.72),
    "esr/FSRCNN_s2_D56_S12_M4.model": Reference("FSRCNN (edge-SR)", 36.719, None, 2.87),
    "esr/ESPCN_s4_D64_S32.model": Reference("ESPCN (edge-SR)", 30.342, None, 1.42),
    "esr/ESPCN_s2_D22_S32.model": Reference("ESPCN (edge-SR)"),
    "esr/eSR-MAX_s2_K3_C1.model": Reference("eSR-MAX", 33.106, None, 0.008),
    "esr/eSR-MAX_s2_K7_C13.model": Reference("eSR-MAX"),
    "esr/eSR-MAX_s4_K7_C6.model": Reference("eSR-MAX", 29.148),
    "esr/eSR-TM_s2_K7_C16.model": Reference("eSR-TM", 36.018, None, 1.45),
    "esr/eSR-TM_s4_K7_C16.model": Reference("eSR-TM", 29.985),
    "esr/eSR-TR_s2_K7_C13.model": Reference("eSR-TR", 36.236),
    "esr/eSR-TR_s4_K7_C16.model": Reference("eSR-TR", 30.171),
    "esr/eSR-CNN_s2_C8_D3_S9.model": Reference("eSR-CNN", 36.523),
    "esr/eSR-CNN_s4_C8_D9_S6.model": Reference("eSR-CNN", 30.437),
}
ANY_SCALE = "imdn/IMDN_AS.pth"
"""A network that restores images which were enlarged bicubically by any factor."""
ANY_SCALE_REFERENCE = {2: 28.46, 3: 28.75, 4: 28.24}

HEAD = """# Official checkpoints

Written by `python benchmarks/official_table.py`. PSNR (dB) and SSIM on luma by the protocol of the papers: small
images by MATLAB's bicubic, results rounded to 8-bit RGB (not for networks that see luma only), a border of one scale
left out. Reference: the same images through the authors' own code. Multiply-adds (G) are for an output of 1280 x 720
pixels.

| network | file | scale | parameters | multi-adds | reference | Set5 | reference | Δ | Set14 | reference | Δ |
|---|---|---|---|---|---|---|---|---|---|---|---|"""

AS_HEAD = """
IMDN_AS takes an image that was enlarged bicubically before, by any factor; its weights were trained on photographs of
two focal lengths (RealSR), so on Set5 it stays below bicubic, as it does with the authors' code:

| scale | Set5 | reference | Δ |
|---|---|---|---|"""


def main() -> None:
    """Measure, print each row when it is complete, and write the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared")
    parser.add_argument(
        "--only", nargs="*", default=[""], help="measure files whose name has one of these words"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "official_checkpoints.md")
    arguments = parser.parse_args()
    lines = [HEAD]
    for file, reference in REFERENCES.items():
        if any(word in file for word in arguments.only):
            lines.append(measure(arguments.folder, file, reference))
            print(lines[-1], flush=True)
    lines.append(AS_HEAD)
    if any(word in ANY_SCALE for word in arguments.only):
        lines += measure_any_scale(arguments.folder)
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(folder: Path, file: str, reference: Reference) -> str:
    """One row of the table."""
    print(f"{file} …", file=sys.stderr, flush=True)
    model = load_model(folder / "checkpoints" / file)
    (scale,) = model.scales
    sets, small = (
        folder / "data" / "benchmarks",
        folder / "data" / "benchmarks" / "Set5" / "LR_bicubic",
    )
    five = evaluate(model, sets / "Set5" / "HR", scale, small, tile=None)
    fourteen = evaluate(model, sets / "Set14" / "HR", scale, tile=None)
    cells = [reference.name, f"`{Path(file).name}`", f"x{scale}", *cost(model, scale, reference)]
    cells += compared(five.psnr, five.ssim, reference.set5, reference.ssim5)
    cells += compared(fourteen.psnr, fourteen.ssim, reference.set14, reference.ssim14)
    return "| " + " | ".join(cells) + " |"


def cost(model: Model, scale: int, reference: Reference) -> list[str]:
    """Cells: parameters, multiply-adds, and multiply-adds by the code of the authors."""
    width, height = (-(-side // scale) for side in FRAME)
    found = count_cost(model.network(scale), height, width)
    known = "–" if reference.macs is None else f"{reference.macs:g}"
    return [f"{found.parameters:,}", f"{found.macs / 1e9:.4g}", known]


def compared(psnr: float, ssim: float, psnr0: float | None, ssim0: float | None) -> list[str]:
    """Cells: measured score, reference, difference."""
    if psnr0 is None:
        return [f"{psnr:.3f} / {ssim:.4f}", "–", "–"]
    known, difference = f"{psnr0:.3f}", signed(psnr - psnr0, 3)
    if ssim0 is not None:
        known, difference = f"{known} / {ssim0:.4f}", f"{difference} / {signed(ssim - ssim0, 4)}"
    return [f"{psnr:.3f} / {ssim:.4f}", known, difference]


def signed(difference: float, digits: int) -> str:
    """Number with a sign, except for zero."""
    rounded = round(difference, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def measure_any_scale(folder: Path) -> list[str]:
    """Rows of IMDN_AS."""
    import torch

    network = load_model(folder / "checkpoints" / ANY_SCALE, value_range=1).network(1)
    rows = []
    for scale, known in ANY_SCALE_REFERENCE.items():
        scores = []
        set5 = folder / "data" / "benchmarks" / "Set5"
        for pair in find_pairs(set5 / "HR", scale, set5 / "LR_bicubic"):
            original, small = read_pair(pair, scale)
            large = torch.from_numpy(imresize(small / 255.0, scale)).permute(2, 0, 1)[None].float()
            with torch.inference_mode():
                y = network(large)[0].permute(1, 2, 0).numpy()
            result = (255 * y).clip(0, 255).round().astype(np.uint8)
            planes = evaluation_luma(original), evaluation_luma(result)
            scores.append(score(pair.name, *planes, border=scale).psnr)
        mean = float(np.mean(scores))
        rows.append(f"| x{scale} | {mean:.3f} | {known} | {signed(mean - known, 3)} |")
    return rows


if __name__ == "__main__":
    main()
