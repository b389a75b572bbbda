"""Scores equal those of papers and of their authors' code."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from napari_sr.errors import InputError, ModelNotFoundError
from napari_sr.evaluation import (
    cut_and_shrink,
    evaluate,
    evaluation_luma,
    find_pairs,
    psnr,
    read_pair,
    shave,
)
from napari_sr.imaging import bt601_luma, imresize, imresize_uint8
from napari_sr.models import load_model


def picture(seed: int = 0, size: tuple[int, int] = (37, 50)) -> np.ndarray:
    """Smooth colors with some noise, so that no two protocols agree by chance."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (size[0] // 5 + 1, size[1] // 5 + 1, 3), dtype=np.uint8)
    smooth = imresize_uint8(coarse, 5)[: size[0], : size[1]].astype(int)
    return np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_score_equals_that_of_imresize(scale):
    """The bicubic of the engine and imresize are separate implementations; only rounding differs."""
    hr, lr = cut_and_shrink(picture(), scale)
    expected = [shave(evaluation_luma(each), scale) for each in (hr, imresize_uint8(lr, scale))]
    found = evaluate("bicubic", {"x": picture()}, scale)
    assert found.rows[0].psnr == pytest.approx(psnr(*expected), abs=0.02)


@pytest.mark.parametrize(
    ("scale", "expected"), [(2, (33.66, 0.9299)), (3, (30.39, 0.8682)), (4, (28.42, 0.8104))]
)
def test_bicubic_on_set5_scores_as_published(shared, scale, expected):
    """Published scores round Y to 8 bits, which changes them by up to 0.02 dB and 0.001."""
    found = evaluate("bicubic", shared / "data" / "benchmarks" / "Set5" / "HR", scale)
    assert found.psnr == pytest.approx(expected[0], abs=0.02)
    assert found.ssim == pytest.approx(expected[1], abs=0.001)


def test_official_network_scores_as_with_the_code_of_its_authors(shared):
    """33.106 dB was measured with the official code on the small images that MATLAB made."""
    found = evaluate(
        shared / "checkpoints" / "esr" / "eSR-MAX_s2_K3_C1.model",
        shared / "data" / "benchmarks" / "Set5" / "HR",
        2,
        shared / "data" / "benchmarks" / "Set5" / "LR_bicubic",
    )
    assert found.protocol == "luma"
    assert found.psnr == pytest.approx(33.106, abs=0.001)


def test_luma_protocol_compares_the_output_of_the_network(shared):
    """Without conversion to RGB and without rounding."""
    path = shared / "checkpoints" / "esr" / "eSR-CNN_s2_C8_D3_S9.model"
    hr, lr = cut_and_shrink(picture(1), 2)
    y = torch.from_numpy(bt601_luma(lr / 255.0)).float()[None, None]
    with torch.inference_mode():
        direct = 255 * load_model(path).network(2)(y)[0, 0].double().numpy()
    expected = psnr(shave(evaluation_luma(hr), 2), shave(direct, 2))
    assert evaluate(path, {"x": hr}, 2, protocol="luma").psnr == pytest.approx(expected, abs=1e-3)
    assert evaluate(path, {"x": hr}, 2, protocol="rgb8").psnr != pytest.approx(expected, abs=1e-3)


def test_given_small_images_score_as_reductions_do(shared):
    """Set5's small images were made by MATLAB."""
    folder = shared / "data" / "benchmarks" / "Set5"
    made = evaluate("bicubic", folder / "HR", 4)
    given = evaluate("bicubic", folder / "HR", 4, folder / "LR_bicubic")
    assert made.rows == given.rows
    assert given.low_resolution == str(folder / "LR_bicubic")


def test_gray_originals_are_measured_as_rgb(shared):
    """Set14's bridge: tables with 28.58 dB for IMDN x4 have its luma in studio swing, 219 of 255."""
    pair = next(
        pair
        for pair in find_pairs(shared / "data" / "benchmarks" / "Set14" / "HR", 4)
        if pair.name == "bridge"
    )
    hr, lr = read_pair(pair, 4)
    swing = evaluate("bicubic", pair.hr, 4).psnr
    grey = psnr(*(shave(each[..., 0].astype(float), 4) for each in (hr, imresize_uint8(lr, 4))))
    assert swing - grey == pytest.approx(20 * np.log10(255 / 219), abs=0.01)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_gray_images_of_any_type_are_compared_directly(dtype):
    """The peak is the range of the original, so multiplying an image changes nothing."""
    grey = picture()[..., 0].astype(float)
    factor = {"uint8": 1, "uint16": 200, "float32": 1e-3}[dtype]
    image = (grey * factor).astype(dtype)
    found = evaluate("bicubic", {"x": image}, 2, protocol="grey")
    hr, lr = grey[:36, :50], imresize(grey[:36, :50], 0.5)
    expected = psnr(shave(hr, 2), shave(imresize(lr, 2), 2), np.ptp(hr))
    assert found.psnr == pytest.approx(expected, abs=0.05)
    assert found.protocol == "grey"


def test_progress_counts_images():
    seen = []
    found = evaluate(
        "bicubic",
        {"a": picture(0), "b": picture(1)},
        2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
    assert [row.image for row in found.rows] == ["a", "b"]
    assert found.psnr == pytest.approx((found.rows[0].psnr + found.rows[1].psnr) / 2)
    assert found.seconds > 0


@pytest.mark.parametrize("scale", [1, 0, -2, 2.5, float("nan"), float("inf")])
def test_only_whole_scales_can_be_measured(scale):
    with pytest.raises(InputError, match="whole number of at least 2"):
        evaluate("bicubic", {"a": picture()}, scale)


def test_impossible_evaluations_are_refused(tmp_path):
    with pytest.raises(ModelNotFoundError):
        evaluate("no-such-model", {"a": picture()}, 2)
    with pytest.raises(InputError, match="protocol must be auto, rgb8, luma, grey"):
        evaluate("bicubic", {"a": picture()}, 2, protocol="rgb")
    with pytest.raises(InputError, match="only together with a folder of originals"):
        evaluate("bicubic", {"a": picture()}, 2, tmp_path)
    with pytest.raises(InputError, match="no images"):
        evaluate("bicubic", tmp_path, 2)
    with pytest.raises(InputError, match="leave out isotropic and uncertainty"):
        evaluate("bicubic", {"a": picture()}, 2, uncertainty=True)
    with pytest.raises(InputError, match="leave out isotropic and uncertainty"):
        evaluate("bicubic", {"a": picture()}, 2, isotropic=True, z_spacing=2)
    with pytest.raises(TypeError, match="halo"):
        evaluate("bicubic", {"a": picture()}, 2, halo=3)


def test_options_are_those_of_upscale():
    """Tiles change nothing; bfloat16, the ensemble and another range do."""
    plain = evaluate("ecbsr", {"a": picture()}, 2)
    assert evaluate("ecbsr", {"a": picture()}, 2, tile=16).psnr == pytest.approx(plain.psnr)
    assert evaluate("ecbsr", {"a": picture()}, 2, precision="fp32").rows == plain.rows
    for changed in ({"precision": "bf16"}, {"ensemble": True}, {"intensity_range": (0, 2)}):
        assert evaluate("ecbsr", {"a": picture()}, 2, **changed).rows != plain.rows


def test_progress_true_shows_a_bar(capsys):
    evaluate("bicubic", {"a": picture(0), "b": picture(1)}, 2, progress=True)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "image" in shown


def test_pixels_that_bicubic_replaced_are_counted(tmp_path):
    """The small published network explodes at three pixels of this noise."""
    small = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "noise_LR.png"), small)
    cv2.imwrite(str(tmp_path / "noise_HR.png"), imresize_uint8(small, 2))
    given = tmp_path / "noise_HR.png", 2, tmp_path / "noise_LR.png"
    found = evaluate("ecbsr", *given, protocol="grey")
    assert found.rows[0].replaced_pixels == 3
    assert found.to_dict()["images"][0]["replaced_pixels"] == 3
    assert evaluate("bicubic", *given, protocol="grey").rows[0].replaced_pixels == 0
