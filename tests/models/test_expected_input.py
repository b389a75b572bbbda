"""The value range that an unknown file expects is measured and stated, or asked for where this cannot decide."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_sr.architectures.ecbsr import PlainECBSR
from napari_sr.errors import ModelRangeError
from napari_sr.models import load_model
from napari_sr.models._expected_input import Finding, probe_range

OFFICIAL = {
    "rfdn/RFDN_AIM.pth": 255,
    "rlfn/rlfn_s_x4.pth": 255,
    "rlfn/rlfn_ntire_x4.pth": 255,
    "bsrn/net_g_BSRN-S.pth": 1,
    "imdn/model_RTC.pth": 1,
    "imdn/IMDN_AS.pth": 1,
    "srvgg/realesr-animevideov3.pth": 1,
    "span/team46_span.pth": 1,
    "esr/eSR-TR_s4_K7_C16.model": 1,
    "esr/ESPCN_s2_D22_S32.model": 1,
    "fsrcnn/yjn870_fsrcnn_x4.pth": 1,
}


@pytest.mark.parametrize(("path", "value_range"), OFFICIAL.items())
def test_probing_finds_the_range_of_official_files(path, value_range, shared):
    model = load_model(shared / "checkpoints" / path, value_range=1)
    assert probe_range(model.network(model.scales[0])).value_range == value_range


def works_where_nothing_passes(weight: float, bias: float) -> PlainECBSR:
    """A network that repeats pixels, and adds what ``weight * x + bias`` has above zero."""
    network = PlainECBSR(2, m=0, c=1)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    first, last = network.backbone
    first.conv3x3.weight.data[:, :, 1, 1] = weight
    first.conv3x3.bias.data[:] = bias
    last.conv3x3.weight.data[:, :, 1, 1] = 1
    return network


@pytest.mark.parametrize(
    ("weight", "bias", "value_range"),
    [
        (1, -1, 1),  # passes what is above 1
        (-1, 10, 255),  # passes what is below 10
    ],
)
def test_probing_finds_the_range_in_which_a_network_works(tmp_path, weight, bias, value_range):
    torch.save(works_where_nothing_passes(weight, bias).state_dict(), tmp_path / "x.pth")
    assert load_model(tmp_path / "x.pth").card.value_range == value_range


def test_summary_states_how_the_range_was_found(tmp_path, shared):
    """Of a file that the catalog does not know: the same tensors, saved by somebody else."""
    official = shared / "checkpoints/rfdn/RFDN_AIM.pth"
    torch.save({"params": torch.load(official, weights_only=True)}, tmp_path / "x.pth")
    model = load_model(tmp_path / "x.pth")
    assert model.card.value_range == 255
    assert "values to 255, a test image gains" in model.card.summary


def test_official_files_get_their_cards(shared):
    """Nothing is tried where it is known, and the license comes with it."""
    model = load_model(shared / "checkpoints/rfdn/RFDN_AIM.pth")
    assert (model.id, model.scales) == ("rfdn-official", (4,))
    assert (model.card.value_range, model.card.license) == (255, "MIT")


def test_an_undecided_range_is_an_error_that_asks_for_it(tmp_path):
    torch.save(works_where_nothing_passes(-1, 1000).state_dict(), tmp_path / "x.pth")
    with pytest.raises(ModelRangeError, match="pass value_range=1 or value_range=255"):
        load_model(tmp_path / "x.pth")
    assert load_model(tmp_path / "x.pth", value_range=255).card.value_range == 255


@pytest.mark.parametrize(
    ("gains", "value_range"),
    [
        ((3.0, -20.0), 1),
        ((-20.0, 3.0), 255),
        ((-3.0, -12.0), 1),  # trained for looks
        ((1.17, 1.17), 1),  # no biases: both are the same
        ((3.0, 2.8), None),
        ((-20.0, -9.0), None),
        ((-torch.inf, -torch.inf), None),
    ],
)
def test_gains_decide_the_range(gains, value_range):
    assert Finding(gains).value_range == value_range
