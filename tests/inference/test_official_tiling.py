"""Published networks with attention over the whole image give the same image in small tiles."""

import functools

import numpy as np
import pytest

from napari_sr.evaluation import read_rgb
from napari_sr.inference import execute, plan, upscale
from napari_sr.models import load_model

from .conftest import collect

LIMITS = {"seamless": 1.0, "exact": 0.05}
"""Largest difference that each mode allows, in gray levels of 255."""
FILES = (
    "imdn/IMDN_x4.pth",
    "rfdn/RFDN_AIM.pth",
    "rlfn/rlfn_s_x4.pth",
    "rlfn/rlfn_ntire_x4.pth",
    "bsrn/net_g_BSRN_x4.pth",
    "bsrn/net_g_BSRN-S.pth",
    "reprfn/reprfn_ntire_x4.pth",
    "safmn/team15_SAFMN.pth",
    "smfanet/SMFANet_DF2K_x4.pth",
    "smfanet/SMFANet_plus_DF2K_x4.pth",
    "lkdn/LKDN_x4.pth",
)
MODES = {
    "imdn/IMDN_x4.pth",
    "bsrn/net_g_BSRN_x4.pth",
    "safmn/team15_SAFMN.pth",
    "smfanet/SMFANet_DF2K_x4.pth",
    "smfanet/SMFANet_plus_DF2K_x4.pth",
}
"""Those with statistics of the whole image, for which the mode makes a difference."""


@pytest.fixture(scope="module")
def strip(shared):
    """Two windows of the widest context long: dark cloth, bright books, stripes."""
    image = read_rgb(shared / "data/benchmarks/Set14/HR/barbara.png")
    return np.ascontiguousarray(image[:304, 520:584])


@functools.cache
def opened(path):
    return load_model(path)


@pytest.mark.parametrize(
    ("file", "mode"),
    [(file, mode) for file in FILES for mode in LIMITS if mode == "exact" or file in MODES],
)
def test_small_tiles_give_the_whole_image(strip, shared, file, mode):
    model = opened(shared / "checkpoints" / file)
    image = strip.astype(np.float32) / 255
    whole = upscale(image, 4, model, tile=None)
    made = plan(image, 4, model, tile=64, tile_mode=mode, measure=False)
    assert made.window[0] < len(image)
    assert bool(made.statistics_passes) == (file in MODES)
    result, _ = collect(execute(made, image))
    difference = np.abs(result.image - whole).max() * 255
    assert difference <= LIMITS[mode]
