"""FSRCNN: two forms, whose last layers lie at different phases, and a scale no tensor tells."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_sr.architectures import registry
from napari_sr.architectures.fsrcnn import FSRCNN, FSRCNNEdgeSR
from napari_sr.models import load_model
from tests.architectures.set5 import set5_luma_psnr


def working(form: type[nn.Module], scale: int, **size: int) -> nn.Module:
    """A network of that form that passes the image on and interpolates it linearly at the end."""
    network = form(scale, **size)
    *convolutions, last = (
        layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    )
    for layer in convolutions:
        middle = layer.kernel_size[0] // 2
        nn.init.zeros_(layer.bias)
        layer.weight.data[0] = 0
        layer.weight.data[0, 0, middle, middle] = 1
    centre = last.padding[0] + (scale - 1) / 2
    row = (1 - (torch.arange(9) - centre).abs() / scale).clamp(min=0)
    nn.init.zeros_(last.weight)
    last.weight.data[0, 0] = torch.outer(row, row)
    return network.eval()


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    form=st.sampled_from((FSRCNN, FSRCNNEdgeSR)),
    scale=st.sampled_from((2, 3, 4)),
    D=st.integers(1, 8),
    S=st.integers(1, 6),
    M=st.integers(0, 4),
)
def test_state_dict_tells_form_and_configuration_and_trying_tells_the_scale(form, scale, D, S, M):
    architecture, found = registry.detect(working(form, scale, D=D, S=S, M=M).state_dict())
    assert architecture.build is form
    assert found == {"scale": scale, "D": D, "S": S, "M": M}


@pytest.mark.parametrize("form", [FSRCNN, FSRCNNEdgeSR])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_taps_from_the_padding_on_make_the_block_of_their_own_pixel(form, scale):
    """A box there repeats every pixel: the output is where it belongs."""
    network = working(form, scale, D=1, S=1, M=0)
    last = next(each for each in network.modules() if isinstance(each, nn.ConvTranspose2d))
    block = slice(last.padding[0], last.padding[0] + scale)
    nn.init.zeros_(last.weight)
    last.weight.data[0, 0, block, block] = 1
    x = torch.rand(1, 1, 5, 6)
    torch.testing.assert_close(
        network(x), x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    )


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_phases_of_the_forms_differ_at_three_and_four_only(scale):
    """So the weights of one form give a shifted image in the other."""
    paddings = {FSRCNN(scale).last_part.padding, FSRCNNEdgeSR(scale).net[-1].padding}
    assert len(paddings) == (1 if scale == 2 else 2)


@pytest.mark.parametrize(
    ("path", "scale", "form", "psnr"),
    [
        ("esr/FSRCNN_s2_D56_S12_M4.model", 2, FSRCNNEdgeSR, 36.719),
        ("fsrcnn/yjn870_fsrcnn_x4.pth", 4, FSRCNN, 30.513),
    ],
)
def test_official_file_scores_as_its_authors_code(path, scale, form, psnr, shared):
    model = load_model(shared / "checkpoints" / path)
    network = model.network(scale)
    assert isinstance(network, form)
    assert (network.D, network.S, network.M) == (56, 12, 4)
    assert set5_luma_psnr(network, shared) == pytest.approx(psnr, abs=0.01)
