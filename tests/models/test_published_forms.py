"""Every published family loads at every scale, in whatever form its authors store the tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_sr.architectures import registry
from napari_sr.evaluation import evaluate
from napari_sr.models import load_model
from napari_sr.models._files import candidates

SIZES = {
    "imdn": {"blocks": 2},
    "imdn-rtc": {},
    "imdn-plus": {"blocks": 2},
    "rfdn": {"blocks": 2},
    "rlfn": {"channels": 52, "blocks": 2},
    "rlfn-s": {"channels": 48, "blocks": 2},
    "rlfn-ntire": {"channels": 46, "middle": 48, "blocks": 2},
    "bsrn": {"blocks": 2},
    "bsrn-s": {"blocks": 2},
    "lkdn": {"blocks": 2},
    "reprfn": {"blocks": 2},
    "reprfn-plain": {"blocks": 2},
    "span": {"channels": 28, "blocks": 2, "last": 20},
    "span-48": {"blocks": 2},
    "span-plain": {"channels": 28, "blocks": 2, "last": 20},
    "safmn": {"blocks": 2},
    "safmn-ntire": {"blocks": 2},
    "smfanet": {"blocks": 2},
    "smfanet-plus": {"channels": 48, "blocks": 2},
    "mspn-equivariant": {"blocks": 2},
    "srvgg": {"convolutions": 2},
    "esr-max": {"K": 7, "C": 4},
    "esr-tm": {"K": 7, "C": 16},
    "esr-tr": {"K": 7, "C": 16},
    "esr-cnn": {"C": 8, "D": 3, "S": 15},
    "espcn": {"D": 22, "S": 32},
    "fsrcnn": {},
    "fsrcnn-esr": {"D": 56, "S": 12, "M": 4},
    "ecbsr": {"m": 2, "c": 8},
    "ecbsr-plain": {"m": 2, "c": 8},
}
"""Family, perhaps in several sizes, as wide as published and less deep."""
FAMILIES = {"rlfn-s": "rlfn", "rlfn-ntire": "rlfn", "span-48": "span", "smfanet-plus": "smfanet"}


def _noise(state):
    return {name: torch.randn_like(value) for name, value in state.items()}


WRAPPERS = {
    "bare": lambda state: state,
    "parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "params": lambda state: {"params": state},
    "averaged": lambda state: {"params": _noise(state), "params_ema": state},
    "trainer": lambda state: {
        "epoch": 7,
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
    },
    "ecbsr's trainer": lambda state: {"epoch": 7, "model_state_dict": state, "stat_dict": {"a": 1}},
}


VALUES_OF = {"esr-max": 1, "esr-tm": 2, "esr-tr": 3, "esr-cnn": 2}
"""Groups of maps in a filter bank, of which the first holds pixels."""


def let_interpolate(network, family):
    """Weights with which a network enlarges linearly: what shapes alone do not tell is seen from what it does."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    *inner, last = layers
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            module.weight[:] = 1
    for layer in layers:
        layer.weight[:] = 0
        if layer.bias is not None:
            layer.bias[:] = 0
    gentle = 0.1 if family == "esr-cnn" else 1.0  # tanh is a line near zero
    for layer in inner:
        middle = layer.kernel_size[0] // 2
        layer.weight[0, 0, middle, middle] = gentle
    kernel = torch.arange(last.kernel_size[0])
    if isinstance(last, nn.ConvTranspose2d):
        tent = _tent((kernel - last.padding[0] - (network.scale - 1) / 2) / network.scale)
        last.weight[0, 0] = tent[:, None] * tent
        return
    maps = last.out_channels // network.scale**2
    pixels = maps // VALUES_OF[family]
    where = (torch.arange(network.scale) + 0.5) / network.scale - 0.5
    phase = _tent(kernel - len(kernel) // 2 - where[:, None])
    bank = torch.einsum("ai,bj->abij", phase, phase).flatten(0, 1) / gentle ** len(inner)
    # so that no part of them stands for all: the mean is 1, or the maximum
    weights = (
        torch.linspace(0.5, 1.0 if family == "esr-max" else 1.5, pixels) if pixels > 1 else [1.0]
    )
    for i in range(maps):
        rows = slice(i * network.scale**2, (i + 1) * network.scale**2)
        middle = len(kernel) // 2
        if i < pixels:
            last.weight[rows, 0] = weights[i] * bank
        else:
            last.weight[rows, 0, middle, middle] = 2 / gentle ** len(inner)


def _tent(x):
    return (1 - x.abs()).clamp(min=0)


def built(family, scale):
    """A network, and its state dict by the keys of its authors."""
    architecture = registry.get(FAMILIES.get(family, family))
    torch.manual_seed(scale)
    network = architecture.build(scale=scale, **SIZES[family]).eval().requires_grad_(False)
    if family.startswith(("esr", "fsrcnn")):
        let_interpolate(network, family)
    state = network.state_dict()
    if family.startswith("span") and family != "span-plain":
        # the authors' training form carries the merged kernels, which may be out of date
        old = {
            name.replace(".sk.", ".eval_conv."): v for name, v in state.items() if ".sk." in name
        }
        state = {**state, **_noise(old)}
    return network, state


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("family", SIZES)
def test_published_checkpoints_are_recognized(family, scale, wrapper, tmp_path):
    network, state = built(family, scale)
    torch.save(WRAPPERS[wrapper](state), tmp_path / "their.pth")
    model = load_model(tmp_path / "their.pth", value_range=1)  # random weights restore no picture
    assert model.scales == (scale,)
    assert model.card.architecture == FAMILIES.get(family, family)
    assert model.card.color == ("RGB" if network.in_channels == 3 else "Y")
    x = torch.rand(1, network.in_channels, 24, 21)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(scale)(x), network(x), atol=1e-4, rtol=1e-4)


TRAINED = {
    "imdn/IMDN_x4.pth": 1.0,
    "rfdn/RFDN_AIM.pth": 255.0,
    "rlfn/rlfn_x4.pth": 255.0,
    "rlfn/rlfn_s_x4.pth": 255.0,
    "rlfn/rlfn_ntire_x4.pth": 255.0,
    "bsrn/net_g_BSRN_x4.pth": 1.0,
    "bsrn/net_g_BSRN-S.pth": 1.0,
    "reprfn/reprfn_ntire_x4.pth": 1.0,
    "lkdn/LKDN_x4.pth": 1.0,
    "safmn/team15_SAFMN.pth": 1.0,
    "smfanet/SMFANet_DF2K_x4.pth": 1.0,
    "smfanet/SMFANet_plus_DF2K_x4.pth": 1.0,
    "span/team46_span.pth": 1.0,
    "srvgg/realesr-animevideov3.pth": 1.0,
}
"""Official x4 networks whose last layer is a convolution and a pixel shuffle, and the value range of their authors."""


def official(path):
    """The bare state dict of a file."""
    return next(candidates(torch.load(path, map_location="cpu", weights_only=True)))


def at_another_scale(state, scale):
    """The same network with its answer averaged to fewer pixels, which the last convolution can do."""
    last = [name for name, value in state.items() if name.endswith("weight") and len(value) == 48][
        -1
    ]
    phase = torch.arange(4 * scale) // scale, torch.arange(4 * scale) // 4
    mean = torch.zeros(scale, 4)
    for a, b in zip(*phase, strict=True):
        mean[b, a] += 1 / 4
    changed = dict(state)
    for name in (last, last.removesuffix("weight") + "bias"):
        value = state[name].unflatten(0, (3, 4, 4))
        changed[name] = torch.einsum("ai,bj,cij...->cab...", mean, mean, value).flatten(0, 2)
    return changed


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("file", TRAINED)
def test_value_range_and_color_of_a_bare_file_are_found(file, scale, shared, tmp_path):
    """Of trained networks at scales that the catalog does not have under that checksum."""
    state = official(shared / "checkpoints" / file)
    torch.save(at_another_scale(state, scale), tmp_path / "their.pth")
    model = load_model(tmp_path / "their.pth")
    assert (model.scales, model.card.color) == ((scale,), "RGB")
    assert model.card.value_range == TRAINED[file]


def test_the_same_network_scores_at_another_scale(shared, tmp_path):
    """In the range that was found out, far better than bicubic (33.67 dB)."""
    state = official(shared / "checkpoints" / "rlfn/rlfn_ntire_x4.pth")
    torch.save(at_another_scale(state, 2), tmp_path / "their.pth")
    found = evaluate(load_model(tmp_path / "their.pth"), shared / "data/benchmarks/Set5/HR", 2)
    assert found.psnr > 34.5


@pytest.mark.parametrize("scale", [2, 4])
def test_the_value_range_of_an_ecbsr_is_found(scale, tmp_path):
    """Its authors trained with values to 255, we with values to 1: the same network with other biases."""
    state = load_model("ecbsr").network(scale).state_dict()
    theirs = {name: v * 255 if name.endswith("bias") else v for name, v in state.items()}
    for name, weights, value_range in (("ours", state, 1.0), ("theirs", theirs, 255.0)):
        torch.save({"model_state_dict": weights}, tmp_path / f"{name}.pt")
        card = load_model(tmp_path / f"{name}.pt").card
        assert (card.value_range, card.color) == (value_range, "Y")
