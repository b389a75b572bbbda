"""Published networks on hot pixels, noise and fine patterns: bicubic replaces explosions, and nothing else."""

import cv2
import numpy as np
import pytest

from napari_sr.evaluation import read_rgb
from napari_sr.inference import _composite, execute, plan
from napari_sr.models import load_model

from .conftest import collect

FILES = (
    "imdn/IMDN_x4.pth",
    "rfdn/RFDN_AIM.pth",
    "rlfn/rlfn_s_x4.pth",
    "bsrn/net_g_BSRN_x4.pth",
    "bsrn/net_g_BSRN-S.pth",
    "reprfn/reprfn_ntire_x4.pth",
    "safmn/team15_SAFMN.pth",
    "smfanet/SMFANet_DF2K_x4.pth",
    "smfanet/SMFANet_plus_DF2K_x4.pth",
    "lkdn/LKDN_x4.pth",
    "span/team46_span.pth",
    "fsrcnn/yjn870_fsrcnn_x4.pth",
    "esr/eSR-TM_s4_K7_C16.model",
    "ecbsr",
    "esr-tm",
)
SIDE = 72
"""Of the test images: larger than most receptive fields, small enough for all networks."""
MEAN, REACH = 0.5, 2.0
"""Bounds of the fallback, range 1: of an output's mean from its input, and of an output from the middle."""
EXPLODE = {
    ("imdn/IMDN_x4.pth", "checkerboard"),
    ("rfdn/RFDN_AIM.pth", "checkerboard"),
    ("rlfn/rlfn_s_x4.pth", "checkerboard"),
    ("bsrn/net_g_BSRN_x4.pth", "checkerboard"),
    ("bsrn/net_g_BSRN_x4.pth", "RGB noise"),
    ("reprfn/reprfn_ntire_x4.pth", "hot pixels"),
    ("reprfn/reprfn_ntire_x4.pth", "grey noise"),
    ("reprfn/reprfn_ntire_x4.pth", "RGB noise"),
    ("reprfn/reprfn_ntire_x4.pth", "checkerboard"),
}
"""Networks and images whose outputs are known to leave the range by far."""


@pytest.fixture(scope="module")
def cases(shared):
    """The table of inputs on which the published networks were measured, RGB in [0, 1]."""
    rng = np.random.default_rng(0)
    natural = read_rgb(shared / "data/benchmarks/Set14/HR/comic.png")[:SIDE, :SIDE] / 255
    hot = natural.copy()
    hot[rng.random((SIDE, SIDE)) < 0.01] = 1
    gaussian = (0.5 + rng.normal(0, 0.15, (SIDE, SIDE, 1))).clip(0, 1)
    checkerboard = np.indices((SIDE, SIDE)).sum(axis=0) % 2
    return {
        "natural": natural,
        "hot pixels": hot,
        "gaussian noise": np.repeat(gaussian, 3, axis=2),
        "grey noise": np.repeat(rng.random((SIDE, SIDE, 1)), 3, axis=2),
        "RGB noise": rng.random((SIDE, SIDE, 3)),
        "checkerboard": np.repeat(checkerboard[..., None].astype(float), 3, axis=2),
    }


@pytest.fixture(params=FILES)
def model(request, shared):
    name = request.param
    return name, load_model(shared / "checkpoints" / name if "/" in name else name)


def strays(image, output):
    """Whether an output leaves the range by far, or does not average down to its image."""
    height, width, samples = image.shape
    blocks = output.reshape(height, len(output) // height, width, -1, samples)
    error = np.abs(blocks.mean(axis=(1, 3)) - image).max()
    return not (error <= MEAN * 1.001 and np.abs(output - 0.5).max() <= REACH * 1.001)


def run(image, scale, model):
    """Image and report of an upscaled image."""
    result, _ = collect(execute(plan(image, scale, model, measure=False), image))
    return result.image, result.report


def test_every_output_that_strays_is_replaced(model, cases, monkeypatch):
    name, opened = model
    scale = max(opened.scales)
    for case, image in cases.items():
        image = image.astype(np.float32)
        with monkeypatch.context() as unchecked:
            unchecked.setattr(_composite, "BicubicFallback", lambda runner, counter: runner)
            strayed = strays(image, run(image, scale, opened)[0])
        assert strayed or (name, case) not in EXPLODE
        output, report = run(image, scale, opened)
        assert not strays(image, output)
        assert report.replaced_pixels > 0 or not strayed
        assert case != "natural" or report.replaced_pixels == 0


def test_natural_and_microscopy_images_are_not_changed(model, shared):
    _, opened = model
    folder, quick = shared / "data", opened.card.architecture in ("ecbsr", "esr-tm", "fsrcnn")
    natural = sorted((folder / "benchmarks/Set5/LR_bicubic/X4").iterdir())
    microscopy = sorted((folder / "train_microscopy").iterdir())[:: 40 if quick else 400]
    images = [read_rgb(path) for path in natural[: 5 if quick else 2]]
    for path in microscopy:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        images.append(cv2.resize(image, (80, 80), interpolation=cv2.INTER_AREA))
    for image in images:
        _, report = run(image, max(opened.scales), opened)
        assert not report.messages
