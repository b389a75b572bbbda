"""Published networks on what scientists have: where they explode, bicubic stands in; elsewhere nothing does."""

import logging

import cv2
import numpy as np
import pytest

from napari_sr.evaluation import read_rgb
from napari_sr.inference import _build, upscale
from napari_sr.models import load_model

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
MEAN, REACH = 0.5, 2.0
"""Of the range: how far from its input an answer's mean, and any answer from the middle of the range, may lie."""
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
"""What is known to leave the range by far."""


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


def strays(image, answer):
    """Whether an answer leaves the range by far, or does not average down to its image."""
    height, width, samples = image.shape
    blocks = answer.reshape(height, len(answer) // height, width, -1, samples)
    error = np.abs(blocks.mean(axis=(1, 3)) - image).max()
    return not (error <= MEAN * 1.001 and np.abs(answer - 0.5).max() <= REACH * 1.001)


def test_every_case_that_strays_is_caught(model, cases, monkeypatch, caplog):
    name, opened = model
    scale = max(opened.scales)
    for case, image in cases.items():
        image = image.astype(np.float32)
        with monkeypatch.context() as bare:
            bare.setattr(_build, "Guarded", lambda runner, tally: runner)
            strayed = strays(image, upscale(image, scale, opened))
        assert strayed or (name, case) not in EXPLODE
        caplog.clear()
        with caplog.at_level(logging.WARNING, "napari_sr"):
            answer = upscale(image, scale, opened)
        told = [record for record in caplog.records if getattr(record, "replaced", None)]
        assert not strays(image, answer)
        assert told or not strayed
        assert all(sum(record.replaced.values()) > 0 for record in told)
        assert case != "natural" or not told


def test_natural_and_microscopy_images_are_left_alone(model, shared, caplog):
    _, opened = model
    folder, quick = shared / "data", opened.card.architecture in ("ecbsr", "esr-tm", "fsrcnn")
    natural = sorted((folder / "benchmarks/Set5/LR_bicubic/X4").iterdir())
    microscopy = sorted((folder / "train_microscopy").iterdir())[:: 40 if quick else 400]
    images = [read_rgb(path) for path in natural[: 5 if quick else 2]]
    for path in microscopy:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        images.append(cv2.resize(image, (80, 80), interpolation=cv2.INTER_AREA))
    with caplog.at_level(logging.WARNING, "napari_sr"):
        for image in images:
            upscale(image, max(opened.scales), opened)
    assert not caplog.records
