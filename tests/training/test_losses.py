"""Losses: zero for equal images, and the values of their formulas otherwise."""

from __future__ import annotations

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from napari_sr.training import OptimizationRecipe
from napari_sr.training.losses import Balanced, charbonnier, l1, l2, make_loss, psnr, spectral

A, B = torch.rand(2, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("loss", [l1, l2, spectral])
def test_loss_of_equal_images_is_zero(loss):
    assert loss(A, A) == 0


def test_losses_of_a_constant_difference():
    assert l1(A + 0.5, A) == pytest.approx(0.5)
    assert l2(A + 0.5, A) == pytest.approx(0.25)
    assert charbonnier(A + 0.5, A) == pytest.approx(0.5, abs=1e-5)


def test_psnr_equals_scikit_image_averaged_over_images():
    expected = [
        peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1)
        for a, b in zip(A, B, strict=True)
    ]
    assert psnr(A, B) == pytest.approx(-sum(expected) / len(expected), rel=1e-5)


def test_psnr_gives_faint_and_bright_images_the_same_influence():
    faint, bright = (
        torch.autograd.grad(psnr(x, torch.zeros_like(x)), x)[0] * x.detach()
        for x in ((k * A).requires_grad_() for k in (0.1, 1.0))
    )
    torch.testing.assert_close(faint, bright, rtol=1e-3, atol=1e-6)


def test_charbonnier_is_smooth_at_zero():
    x = A.clone().requires_grad_()
    charbonnier(x, A).backward()
    assert x.grad.abs().max() == 0


def test_balanced_loss_does_not_depend_on_contrast():
    for factor in (0.01, 1.0):
        loss = Balanced(0.3)
        assert loss(factor * A, factor * B) == pytest.approx(1.3, rel=1e-5)
        assert loss(factor * A, factor * (A + B) / 2) == pytest.approx(0.5 + 0.3 / 4, rel=1e-5)


def test_balanced_loss_is_finite_if_the_first_batch_has_no_error():
    loss = Balanced(0.3)
    assert loss(A, A) == 0
    assert torch.isfinite(loss(A, B))


def test_spectral_loss_is_that_of_the_orthonormal_spectrum():
    """Parseval's theorem holds for the full spectrum, of which rfft2 stores half."""
    full = torch.fft.fft2(A - B, norm="ortho")
    assert (full.abs() ** 2).sum() == pytest.approx(((A - B) ** 2).sum().item(), rel=1e-5)
    half = torch.view_as_real(full[..., : 8 // 2 + 1]).abs().mean()
    assert spectral(A, B) == pytest.approx(half.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["l1", "l2", "charbonnier", "psnr", "l1+fft", "charbonnier+fft"])
def test_each_loss_decreases_towards_the_target(name):
    loss = make_loss(OptimizationRecipe(loss=name))
    assert loss(A, A + 0.5 * (B - A)) < loss(A, B)


def test_fft_weight_is_the_weight_of_the_spectral_part():
    loss = make_loss(OptimizationRecipe(loss="l1+fft", fft_weight=0.25))
    assert loss(A, B) == pytest.approx((0.75 * l1(A, B) + 0.25 * spectral(A, B)).item())
