"""ESPCN: official files, and what their tensors tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sr.architectures import registry
from napari_sr.architectures.espcn import ESPCN
from napari_sr.models import load_model
from tests.architectures.set5 import set5_luma_psnr


@settings(max_examples=40, deadline=None)
@given(scale=st.integers(2, 8), D=st.integers(0, 64), S=st.integers(1, 32))
def test_state_dict_tells_the_configuration(scale, D, S):
    config = {"scale": scale, "D": D, "S": S}
    architecture, found = registry.detect(ESPCN(**config).state_dict())
    assert architecture.id == "espcn"
    assert found == config


@pytest.mark.parametrize(("stem", "psnr"), [("s4_D64_S32", 30.342), ("s2_D22_S32", 36.657)])
def test_official_file_scores_as_its_authors_code(stem, psnr, shared):
    model = load_model(shared / "checkpoints" / "esr" / f"ESPCN_{stem}.model")
    network = model.network(model.scales[0])
    assert (int(stem.split("_")[1][1:]), 32) == (network.D, network.S)
    assert set5_luma_psnr(network, shared) == pytest.approx(psnr, abs=0.01)
