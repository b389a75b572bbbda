"""SOAP and Adam have the same interface and both can be resumed; SOAP needs fewer steps."""

from __future__ import annotations

import builtins

import pytest
import torch
from torch import nn

from napari_sr.errors import RecipeError
from napari_sr.training import OptimizationRecipe, Trainer
from napari_sr.training._dataset import load_data
from napari_sr.training._optimizer import Optimizer
from tests.training.conftest import read_phase

SOAP = OptimizationRecipe(optimizer="soap")


def soap_trainer(workspace, text=""):
    recipe = (workspace / "recipe.toml").read_text()
    recipe = recipe.replace("[optimization]", f'[optimization]\noptimizer = "soap"{text}')
    (workspace / "soap.toml").write_text(recipe)
    phase = read_phase(workspace / "soap.toml")
    return Trainer(phase, *load_data(phase), torch.device("cpu"))


def test_every_parameter_is_trained():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.PReLU(4), nn.Conv2d(4, 4, 3, groups=4))
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = Optimizer(network, SOAP)
    for _ in range(3):
        network.zero_grad()
        network(torch.randn(2, 2, 9, 9)).square().sum().backward()
        optimizer.step(1e-2)
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)


def test_soap_solves_a_badly_conditioned_problem_faster_than_adam():
    """Least squares with strongly correlated inputs, like convolutions of feature maps."""
    mixing = torch.randn(12, 12, generator=torch.Generator().manual_seed(1))
    inputs = torch.randn(256, 12, generator=torch.Generator().manual_seed(2)) @ (
        torch.ones(12, 12) + 0.05 * mixing
    )
    target = inputs @ torch.randn(12, 6, generator=torch.Generator().manual_seed(3))
    losses = {}
    for name in ("adam", "soap"):
        network = nn.Linear(12, 6, bias=False)
        nn.init.zeros_(network.weight)
        optimizer = Optimizer(network, OptimizationRecipe(optimizer=name))
        for step in range(400):
            network.zero_grad()
            loss = (network(inputs) - target).square().mean()
            loss.backward()
            optimizer.step(0.03 * (1 - step / 400))
        losses[name] = loss.item()
    assert losses["soap"] < 0.1 * losses["adam"]


def test_resumed_soap_equals_uninterrupted(workspace):
    whole, first = soap_trainer(workspace), soap_trainer(workspace)
    for _ in range(16):
        whole.step()
    for _ in range(7):
        first.step()
    second = soap_trainer(workspace)
    second.load_state_dict(first.state_dict())
    for _ in range(9):
        second.step()
    for a, b in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_missing_package_names_the_extra(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "pytorch_optimizer":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RecipeError, match=r"napari-sr\[training\]"):
        Optimizer(nn.Conv2d(2, 2, 3), SOAP)


def test_gradients_that_are_not_finite_are_a_clear_error():
    network = nn.Conv2d(2, 2, 3)
    network.weight.grad = torch.full_like(network.weight, torch.nan)
    with pytest.raises(RecipeError, match="not finite"):
        Optimizer(network, SOAP).step(1e-3)


@pytest.mark.parametrize(("frequency", "times"), [(2, 3), (5, 1)])
def test_eigenvectors_are_updated_at_the_given_frequency(monkeypatch, frequency, times):
    made, qr = [], torch.linalg.qr
    monkeypatch.setattr(torch.linalg, "qr", lambda m: made.append(m.shape) or qr(m))
    network = nn.Linear(3, 2, bias=False)
    options = OptimizationRecipe(optimizer="soap", precondition_frequency=frequency)
    optimizer = Optimizer(network, options)
    for _ in range(8):
        network.zero_grad()
        network(torch.randn(4, 3)).square().sum().backward()
        optimizer.step(1e-3)
    assert made == [(2, 2), (3, 3)] * times
