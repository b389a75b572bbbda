"""Quality and speed of models: metrics, the protocols of papers, benchmarks."""

from napari_sr.evaluation._benchmark import Speed, benchmark
from napari_sr.evaluation._evaluate import evaluate, score
from napari_sr.evaluation._footprint import Footprint, footprint
from napari_sr.evaluation._metrics import evaluation_luma, psnr, shave, ssim
from napari_sr.evaluation._pairs import Pair, cut_and_shrink, find_pairs, read_pair
from napari_sr.evaluation._protocol import PROTOCOLS
from napari_sr.evaluation._read import read_grey, read_rgb
from napari_sr.evaluation._report import Evaluation, Score

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "Footprint",
    "Pair",
    "Score",
    "Speed",
    "benchmark",
    "cut_and_shrink",
    "evaluate",
    "evaluation_luma",
    "find_pairs",
    "footprint",
    "psnr",
    "read_grey",
    "read_pair",
    "read_rgb",
    "score",
    "shave",
    "ssim",
]
